"""The studies of a storage, and orders to them."""

import pytest

from tune.core.driver import driver_lock
from tune.core.orders import read_orders
from tune.core.study import StudyError
from tune.live.storage import Storage


@pytest.fixture
def storage(study, tmp_path):
    (tmp_path / "notes").mkdir()
    made = Storage(str(tmp_path))
    yield made
    made.close()


def test_studies_are_told_from_other_folders_and_each_is_watched_once(storage):
    assert storage.names() == {"studies": ["s"], "others": ["notes"]}
    assert storage.watch("s") is storage.watch("s")
    for name in ("none", "..", "s/cells"):
        with pytest.raises(StudyError, match="no study"):
            storage.watch(name)


def test_a_storage_must_be_there(tmp_path):
    with pytest.raises(StudyError, match="--storage must be a folder or bucket with studies, .*/none is not there"):
        Storage(str(tmp_path / "none"))


def test_the_settled_document_has_its_findings(storage, study):
    assert storage.settled("s")["findings"]["rows"]
    study.folder.write("study.json", b"{")
    storage.watch("s").refresh()
    with pytest.raises(StudyError, match="study.json cannot be read"):
        storage.settled("s")


def test_all_studies_are_read_beforehand(storage):
    storage.warm()
    storage._background.shutdown()
    assert storage.watch("s").version > 0


def test_an_order_is_written_into_the_folder_and_seen_at_once(storage, study):
    storage.watch("s").document()
    told = storage.order("s", "pause", "*_seed1_*")
    (order,) = read_orders(study.folder).entries
    assert (order.action, order.cells, told["text"]) == ("pause", "*_seed1_*", order.text)
    assert storage.watch("s").document()["counts"]["paused"] == 2


def test_an_order_that_cannot_be_is_refused_as_on_the_command_line(storage, study):
    with pytest.raises(StudyError, match="there is no search to stop"):
        storage.order("s", "stop", "")
    with pytest.raises(StudyError, match="'gru' names none"):
        storage.order("s", "pause", "gru")
    with driver_lock(study.folder):
        assert storage.order("s", "stop", "")["cells"] is None
