"""``python tune/study.py gc``: what is freed, and what is not."""

import json

import pytest

import tune
from tests.support.stored_study import finish_cell, planned_study
from tune.core.cell_folder import BEFORE, BEST, LAST
from tune.engine.growth import copy_shorter_training

SPACE = {"model": ("grnn",), "optim.lr": (1e-3,), "seed": (0, 1)}


@pytest.fixture
def study(tmp_path):
    """One cell is done, the other has begun."""
    found = planned_study(tmp_path / "s", SPACE)
    for cell in found.cells:
        finish_cell(found, cell, (5, 4))
        found.cell_folder(cell).folder.write(BEFORE, b"12345")
    found.cell_folder(found.cells[1]).folder.delete("done.json")
    return found


@pytest.fixture
def collect(manage):
    def command(*arguments):
        code, *said = manage("gc", "s", *arguments)
        return code, said

    return command


def files(study):
    return [[name for name in (LAST, BEFORE, BEST) if study.cell_folder(c).folder.has(name)] for c in study.cells]


def test_what_would_go_is_shown_and_stays_until_somebody_says_yes(study, collect):
    code, (out, err) = collect()
    assert code == 0 and "in all" in out and "nothing deleted: --yes deletes it" in err
    assert files(study) == [[LAST, BEFORE, BEST]] * 2


def test_finished_cells_keep_their_best_and_running_ones_all(study, collect, tmp_path):
    code, (out, _) = collect("--yes", "--json")
    said, done = json.loads(out), study.cells[0]
    assert code == 0 and said["deleted"] and list(said["num_bytes"]) == [done.name] and said["num_bytes"][done.name] > 5
    assert files(study) == [[BEST], [LAST, BEFORE, BEST]]
    assert tune.load_best("s", "grnn", storage=str(tmp_path))[1] == done.experiment
    code, (out, err) = collect()
    assert code == 0 and "nothing of its finished cells but their best" in out + err


def test_a_longer_training_of_what_was_freed_begins_anew(study, collect, tmp_path):
    collect("--yes")
    longer = planned_study(
        tmp_path / "s", SPACE, settings={"epochs": 600, "model.hidden_channels": 2, "model.embedding_channels": (2,)}
    )
    copy_shorter_training(longer, longer.cells)
    assert [longer.cell_folder(cell).has_checkpoint() for cell in longer.cells] == [False, True]


def test_a_study_that_is_not_there_is_one_line(collect):
    code, (_, err) = collect()
    assert code == 2 and err.startswith("error: ") and "holds no study" in err
