"""What MLflow says of a run's source is what the study recorded, whoever brings MLflow up to date."""

import pytest

from tests.support.stored_study import planned_study
from tune.core.code_record import record, recorded
from tune.tracking.source import cell_tags, identity_tags, latest_tags, source_tags

CLEAN = {"command": "python tune/kth_search.py --set 'a=[4]'", "commit": "1" * 40, "version": "0.1.0", "user": "ada"}


@pytest.fixture
def study(tmp_path):
    return planned_study(tmp_path / "s", {"model": ("grnn",), "optim.lr": (1e-3,), "seed": (0,)})


def test_a_code_record_is_script_user_commit_and_version():
    tags = source_tags(CLEAN)
    assert {name.removeprefix("mlflow."): text for name, text in tags.items() if text} == {
        "source.name": "tune/kth_search.py",
        "source.type": "LOCAL",
        "user": "ada",
        "source.git.commit": "1" * 40,
        "source.git.dirty": "false",
        "fernn.version": "0.1.0",
    }
    assert source_tags(CLEAN | {"diff_sha256": "2"})["mlflow.source.git.dirty"] == "true"
    installed = source_tags(CLEAN | {"command": "python -m tune.kth_search --seeds 0", "commit": None})
    assert installed["mlflow.source.name"] == "tune.kth_search"
    assert installed["mlflow.source.git.commit"] is installed["mlflow.source.git.dirty"] is None
    assert source_tags({}) == latest_tags({}) == {}


def test_identity_is_in_tags(study):
    (cell,) = study.cells
    assert identity_tags(cell) == {"fernn.key": cell.key, "fernn.data_hash": "hash", "fernn.protocol_version": "1"}


def test_a_cell_has_the_code_that_trained_it_last_and_another_user_changes_nothing(study, monkeypatch):
    (cell,) = study.cells
    assert cell_tags(study, cell, recorded(study.folder)) == identity_tags(cell)  # nothing was recorded
    ids = []
    for who, script in (("ada", "a.py"), ("bob", "b.py")):
        monkeypatch.setattr("sys.argv", [script])
        monkeypatch.setattr("getpass.getuser", lambda who=who: who)
        ids.append(record(study.folder))
    records = recorded(study.folder)
    monkeypatch.setattr("getpass.getuser", lambda: "carl")
    assert latest_tags(recorded(study.folder))["mlflow.user"] == "bob"
    assert cell_tags(study, cell, records)["mlflow.source.name"] == "b.py"  # it has not begun
    study.cell_folder(cell)._record_code(ids[0], 0)
    tags = cell_tags(study, cell, records)
    assert (tags["mlflow.source.name"], tags["mlflow.user"], tags["fernn.key"]) == ("a.py", "ada", cell.key)
