"""The status of a cell, read from its folder."""

import time

import pytest

from tests.support.stored_study import finished_study
from tune.core.folder import DamagedError
from tune.core.result import Result
from tune.core.status import CellStatus, cell_status, count, running_cells, status_in, statuses

SPACE = {"model": ("grnn",), "optim.lr": (1e-3,), "seed": (0, 1)}


@pytest.fixture
def study(tmp_path):
    """One finished and one planned cell."""
    return finished_study(tmp_path / "s", SPACE, {("grnn", 1e-3, 0): (5, 4)})


def test_a_finished_cell_has_its_numbers_and_a_planned_one_has_none(study):
    done, waiting = statuses(study)
    assert (done.status, done.best_epoch, done.best, done.test) == ("done", 1, 0.5, 0.4)
    assert (waiting.status, waiting.best_epoch, waiting.best, waiting.test) == ("waiting", None, None, None)
    assert count(study) == {"done": 1, "waiting": 1}


def test_the_reason_of_an_end_without_a_result_is_given(study):
    folder = study.cell_folder(study.cells[1])
    folder.stop("not among the best")
    assert status_in(folder, stops_early=False) == ("waiting", "")
    assert status_in(folder, stops_early=True) == ("stopped", "not among the best")
    folder.take_over()
    folder.fail("the loss is nan", diverged=True)
    assert status_in(folder, stops_early=True) == ("diverged", "the loss is nan")


def test_seconds_are_those_of_the_result_else_of_the_timed_epochs(study):
    cell = study.cells[0]
    folder, rows = study.cell_folder(cell), [{"epoch": 1}, {"epoch": 2, "time/train_seconds": 3.0}]
    begun = CellStatus(cell, folder, "waiting", rows=rows)
    assert begun.seconds("train") == 3.0 and begun.seconds("validation") is None
    assert CellStatus(cell, folder, "done", rows=rows, result=Result(train_seconds=7.0)).seconds("train") == 7.0


def test_a_damaged_cell_is_told_as_one_and_raises_where_it_is_read_alone(study):
    cell = study.cells[0]
    folder = study.cell_folder(cell)
    folder.folder.write("done.json", b"{")
    assert statuses(study)[0].status == "damaged" and "done.json" in statuses(study)[0].reason
    assert count(study)["damaged"] == 1
    with pytest.raises(DamagedError, match="done.json"):
        cell_status(cell, folder, stops_early=False)


def test_of_one_process_only_the_cell_that_it_took_over_last_is_running(study):
    began = time.time()
    for cell in study.cells:
        study.cell_folder(cell).take_over()
    assert running_cells(study, {"started": began - 1}) == {study.cells[1].key}
    assert running_cells(study, {"started": time.time() + 60}) == running_cells(study, None) == set()
