"""``study.py show``: a study and each of its cells, also while a driver is at work; ``study.py list``: a storage."""

import json
import socket
import time

import pytest

from tests.support.stored_study import finish_cell, finished_study, planned_study
from tune.core.driver import driver_lock
from tune.core.folder import ENTRIES
from tune.core.status import statuses
from tune.planning.ledger import LEDGER, Session

SPACE = {"model": ("grnn",), "optim.lr": (1e-3,), "seed": (0, 1, 2)}


@pytest.fixture
def study(tmp_path):
    """The first cell is done; the others were only planned."""
    return finished_study(tmp_path / "s", SPACE, {("grnn", 1e-3, 0): (5, 4)}, partial=("person01", "person02"))


def attempt(study, index, pid, started):
    study.cell_folder(study.cells[index]).folder.write_json(
        "attempt.json", {"id": "x", "host": socket.gethostname(), "pid": pid, "started": started}
    )


def words(study):
    return [one.status for one in statuses(study)]


def test_what_a_study_is_and_how_far_each_cell_is(study, manage):
    code, out, _ = manage("show", "s")
    assert code == 0 and "study s, PARTIAL" in out and "person01, person02 missing" in out
    assert "searched: seed: 0, 1, 2" in out and "data.velocity_range 2" in out and "driver: none" in out
    (done,) = [line for line in out.splitlines() if "seed 0" in line]
    assert "done" in done and "0.500" in done and "0.400" in done and "1/500" in done
    assert out.count("waiting") == 2 and "1 of 3" in out and "INCOMPLETE: 2 of 3" in out


def test_programs_get_one_document_also_of_a_study_without_a_result(study, manage, tmp_path):
    said = json.loads(manage("show", "s", "--json")[1])
    assert [cell["status"] for cell in said["cells"]] == ["done", "waiting", "waiting"]
    assert said["cells"][0]["test_accuracy"] == 0.4 and said["rows"][0]["n_planned"] == 3 and not said["no_table"]
    planned_study(tmp_path / "new", SPACE)
    said = json.loads(manage("show", str(tmp_path / "new"), "--json")[1])
    assert said["rows"] == [] and "has no finished cell yet" in said["no_table"] and len(said["cells"]) == 3


def test_what_the_searches_took_is_shown(study, manage):
    assert "spent: 0 s in 0 searches, 0.00 GPU-hours" in manage("show", "s")[1]
    entries = [Session("a", 1.0, 2.0, 3600.0, 1.5, 2.0)._asdict(), Session("b", 3.0, 4.0, 5400.0, 1.0)._asdict()]
    study.folder.write_sealed(LEDGER, {ENTRIES: entries})
    assert "spent: 2.5 h in 2 searches, 2.50 GPU-hours, a price of 3.00" in manage("show", "s")[1]
    spent = json.loads(manage("show", "s", "--json")[1])["spent"]
    assert (spent["seconds"], spent["gpu_hours"], spent["price"]) == (9000.0, 2.5, 3.0) and spent["searches"] == entries
    study.folder.write(LEDGER, b"{")
    assert "spent: not known: " in manage("show", "s")[1] and "spent.json" in manage("show", "s")[1]
    assert json.loads(manage("show", "s", "--json")[1])["spent"] is None


def test_a_cell_runs_where_a_worker_of_a_living_driver_took_it_over_last(study):
    with driver_lock(study.folder):
        now = time.time()
        attempt(study, 1, 7, now + 1)
        attempt(study, 2, 8, now + 1)
        assert words(study) == ["done", "running", "running"]
        attempt(study, 2, 7, now + 2)
        assert words(study) == ["done", "waiting", "running"]
        attempt(study, 2, 7, now - 100)
        assert words(study) == ["done", "running", "waiting"]
    assert words(study) == ["done", "waiting", "waiting"]


def test_a_cell_that_ended_without_a_result_says_why(study, manage):
    for index, diverged in ((1, True), (2, False)):
        folder = study.cell_folder(study.cells[index])
        folder.take_over()
        folder.fail(f"reason {index}", diverged)
    assert words(study) == ["done", "diverged", "failed"]
    assert "reason 1" in manage("show", "s")[1]


def test_a_damaged_cell_is_named_and_hides_no_other(study, manage):
    folder = study.cell_folder(study.cells[0]).folder
    folder.write("metrics.jsonl", folder.read("metrics.jsonl").replace(b'"epoch": 1', b'"epoch": 2'))
    code, out, _ = manage("show", "s", "--json")
    said = json.loads(out)
    assert code == 0 and [cell["status"] for cell in said["cells"]] == ["damaged", "waiting", "waiting"]
    assert "line 1 is not as it was written" in said["cells"][0]["reason"]
    folder.write("predictions.parquet", b"")
    assert "no table: " in manage("show", "s")[1]


def test_an_unknown_name_is_one_line(study, manage):
    code, out, err = manage("show", "ss")
    assert (code, out) == (2, "") and "did you mean 's'" in err


@pytest.fixture
def mixed(tmp_path):
    """One cell is done, one has diverged, one was only planned."""
    found = finished_study(tmp_path / "s", SPACE, {("grnn", 1e-3, 0): (5, 4)}, demo=True)
    folder = found.cell_folder(found.cells[1])
    folder.take_over()
    folder.fail("the training loss is nan in epoch 1", diverged=True)
    return found


def test_a_study_is_one_row_with_its_marks_and_counts(mixed, manage):
    code, out, _ = manage("list")
    (line,) = [line for line in out.splitlines() if line.startswith("│ s ")]
    assert code == 0 and all(text in line for text in ("kth", "1 / 3", "1 diverged", "DEMO"))
    assert time.strftime("%Y-%m-%d", time.localtime(1001.5)) in line and "driver" not in out


def test_programs_get_one_document(mixed, manage):
    with driver_lock(mixed.folder):
        code, out, _ = manage("list", "--json")
    (said,) = json.loads(out)["studies"]
    assert code == 0 and said["cells"] == {"done": 1, "diverged": 1, "waiting": 1} and said["num_cells"] == 3
    assert said["demo"] and said["last_result_at"] == 1001.5 and said["num_bytes"] == mixed.folder.num_bytes() > 1000
    assert said["driver"]["pid"] > 0 and manage("list", "--json")[1].count('"driver": null') == 1


def test_folders_that_are_no_study_are_named_and_the_others_listed(mixed, manage, tmp_path):
    (tmp_path / "mlflow.db").write_bytes(b"")
    (tmp_path / "empty").mkdir()
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn/study.json").write_text('{"name": "to')
    code, out, _ = manage("list")
    assert code == 0 and "1 / 3" in out and "mlflow" not in out
    assert "empty: it has no study.json" in out and "torn/study.json cannot be read" in out
    unreadable = json.loads(manage("list", "--json")[1])["unreadable"]
    assert [one["folder"] for one in unreadable] == ["empty", "torn"]


def test_a_damaged_cell_is_counted_and_ends_nothing(mixed, manage):
    finish_cell(mixed, mixed.cells[2], (5, 4))
    folder = mixed.cell_folder(mixed.cells[2]).folder
    folder.write("done.json", folder.read("done.json").replace(b"1234", b"4321"))
    code, out, _ = manage("list")
    assert code == 0 and "1 damaged, 1 diverged" in out


def test_a_storage_that_is_empty_or_not_there_says_what_to_type(manage, tmp_path):
    code, out, _ = manage("list")
    assert code == 0 and "no study in" in out and "--preset demo makes a first study" in out
    code, out, err = manage("list", "--storage", tmp_path / "nowhere")
    assert (code, out) == (2, "") and "nowhere is not there: python tune/kth_search.py" in err
    assert not (tmp_path / "nowhere").exists()
