"""``python tune/study.py list``: every study of a storage, and what in it is none."""

import json
import time

import pytest

from tests.support.stored_study import finish_cell, finished_study
from tune.core.driver import driver_lock

SPACE = {"model": ("grnn",), "optim.lr": (1e-3,), "seed": (0, 1, 2)}


@pytest.fixture
def study(tmp_path):
    """One cell is done, one has diverged, one was only planned."""
    found = finished_study(tmp_path / "s", SPACE, {("grnn", 1e-3, 0): (5, 4)}, demo=True)
    folder = found.cell_folder(found.cells[1])
    folder.take_over()
    folder.fail("the training loss is nan in epoch 1", diverged=True)
    return found


def test_a_study_is_one_row_with_its_marks_and_counts(study, manage):
    code, out, _ = manage("list")
    (line,) = [line for line in out.splitlines() if line.startswith("│ s ")]
    assert code == 0 and all(text in line for text in ("kth", "1 / 3", "1 diverged", "DEMO"))
    assert time.strftime("%Y-%m-%d", time.localtime(1001.5)) in line and "driver" not in out


def test_programs_get_one_document(study, manage):
    with driver_lock(study.folder):
        code, out, _ = manage("list", "--json")
    (said,) = json.loads(out)["studies"]
    assert code == 0 and said["cells"] == {"done": 1, "diverged": 1, "waiting": 1} and said["num_cells"] == 3
    assert said["demo"] and said["last_result_at"] == 1001.5 and said["num_bytes"] == study.folder.num_bytes() > 1000
    assert said["driver"]["pid"] > 0 and manage("list", "--json")[1].count('"driver": null') == 1


def test_folders_that_are_no_study_are_named_and_the_others_listed(study, manage, tmp_path):
    (tmp_path / "mlflow.db").write_bytes(b"")
    (tmp_path / "empty").mkdir()
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn/study.json").write_text('{"name": "to')
    code, out, _ = manage("list")
    assert code == 0 and "1 / 3" in out and "mlflow" not in out
    assert "empty: it has no study.json" in out and "torn/study.json cannot be read" in out
    unreadable = json.loads(manage("list", "--json")[1])["unreadable"]
    assert [one["folder"] for one in unreadable] == ["empty", "torn"]


def test_a_damaged_cell_is_counted_and_ends_nothing(study, manage):
    finish_cell(study, study.cells[2], (5, 4))
    folder = study.cell_folder(study.cells[2]).folder
    folder.write("done.json", folder.read("done.json").replace(b"1234", b"4321"))
    code, out, _ = manage("list")
    assert code == 0 and "1 damaged, 1 diverged" in out


def test_a_storage_that_is_empty_or_not_there_says_what_to_type(manage, tmp_path):
    code, out, _ = manage("list")
    assert code == 0 and "no study in" in out and "--preset demo makes a first study" in out
    code, out, err = manage("list", "--storage", tmp_path / "nowhere")
    assert (code, out) == (2, "") and "nowhere is not there: python tune/kth_search.py" in err
    assert not (tmp_path / "nowhere").exists()
