"""Parts of the reproducibility card: set-up, compute, what is missing, the commands, and the cells."""

import pytest

from tune.reporting.setup_tables import cells, compute, missing, rerun, setup

CELL = {"cell": "grnn_lr0.001_seed0_abc", "status": "done", "epochs": 5, "best_epoch": 3, "machines": [1, 2]}
CODE = [{"first_epoch": 1, "code": ""}, {"first_epoch": 4, "code": "new"}]
SETUP = {
    "searched": {"optim.lr": [0.001, 0.01]}, "sampling": {}, "chosen": [], "selection": "Epoch: best.", "seeds": [0, 1],
    "metric": {"title": "accuracy", "definition": "a share"}, "draws": "Named streams.", "epochs": 9,
    "scheduler": "halving", "optimizer": ["Adam", "SGD"], "fixed": {"batch_size": 4}, "models": {},
}  # fmt: skip


def spent(cpu_hours, seconds=2.0):
    return {"model": "m", "num_cells": 2, "train_seconds": seconds, "validation_seconds": 1.0, "cpu_hours": cpu_hours,
            "gpu_hours": None, "num_cells_in_hours": 1}  # fmt: skip


def test_the_setup_says_what_was_searched_and_how_cells_were_trained():
    text = "\n".join(setup(SETUP, is_trained=True))
    assert "| optim.lr | 0.001, 0.01 |" in text and "| batch_size | 4 |" in text and "Seeds: 0, 1. Named" in text
    assert "Epochs: 9, fewer where successive halving stopped. Optimizer: Adam; or SGD." in text
    assert "Epochs" not in "\n".join(setup(SETUP, is_trained=False))


def test_compute_is_summed_as_far_as_it_was_recorded():
    _, table = compute([spent(0.5), spent(None, seconds=1000.0)])
    assert "| total | 4 | 1,002.0 | 2.0 | 0.5 | not recorded | 2 |" in table.splitlines()
    assert "total" not in compute([spent(0.5)])[1]


def test_a_missing_cell_has_its_status_and_reason():
    one = {"label": "m seed 1", "status": "failed", "epochs": 2, "epochs_planned": 5, "reason": "no space"}
    assert missing({"missing": [one]}) == ["- m seed 1: failed after 2 of 5 epochs (no space)"]
    assert missing({"missing": []}) == ["Nothing: every planned cell has a result."]


@pytest.mark.parametrize(("commands", "continues"), [(["a"], False), (["a", "b"], True)])
def test_the_commands_are_given_with_the_hash_of_the_data(commands, continues):
    card = {"study": "s", "code": {"commands": commands}, "data": {"hash": "h"}, "cells": [CELL]}
    text = "\n".join(rerun(card))
    assert "must have the hash h." in text and ("Each command continues" in text) == continues
    assert "python tune/rerun.py --study s --cell abc" in text


def test_a_cell_names_its_codes_and_machines():
    _, table = cells([CELL | {"code": CODE, "metrics_sha256": None}])
    assert table.splitlines()[-1].startswith(
        f"| {CELL['cell']} | done | 5 | 3 | not recorded, from epoch 4 new | 1, 2 |"
    )
