"""A trial: where it ends and goes on, what it resets, and which errors are those of a full GPU."""

import numpy as np
import pytest
import torch

from fernn.experiment import Experiment
from fernn.train.run import Run
from tests.support import tiny
from tests.support.tiny import results, study_in
from tune.engine.trial import is_out_of_memory, launched, reset_globals, train


def test_memory_that_runs_out_is_known_by_its_words():
    for text in ("CUDA out of memory. Tried", "CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED when"):
        assert is_out_of_memory(RuntimeError(text))
    assert is_out_of_memory(torch.OutOfMemoryError()) and not is_out_of_memory(RuntimeError("shapes do not fit"))


@pytest.fixture
def cell_in(tmp_path):
    """A cell of two epochs in a folder of that name, and the folder."""

    def make(name):
        study = study_in(tmp_path / name, {"model": ("grnn",), "optim.lr": (1e-2,), "seed": (0,)})
        return study, study.cells[0], study.cell_folder(study.cells[0])

    return make


def test_a_cell_in_two_trials_ends_as_in_one(cell_in):
    footage, cpu, reported = tiny.footage(), torch.device("cpu"), []
    whole, cell, folder = cell_in("whole")
    reported += train(whole, cell, folder, footage, cpu)
    assert [row["epoch"] for row in reported] == [1, 2] and "memory/cpu_bytes" in reported[0]
    halves, cell, folder = cell_in("halves")
    assert len(list(train(halves, cell, folder, footage, cpu, until=1))) == 1
    assert folder.done() is None and len(folder.history()) == 1
    assert len(list(train(halves, cell, halves.cell_folder(cell), footage, cpu))) == 1
    assert results(halves) == results(whole)


def test_a_trial_begins_with_the_given_weights(cell_in, monkeypatch):
    footage, cpu = tiny.footage(), torch.device("cpu")
    begun = []
    for name, factor in (("random", None), ("zero", 0.0)):
        study, cell, folder = cell_in(name)
        weights = Run.start(cell.experiment).model.state_dict()
        initial = None if factor is None else {key: tensor * factor for key, tensor in weights.items()}
        monkeypatch.setattr("tune.engine.trial.initial_weights", lambda folder, model, initial=initial: initial)
        begun += [row["train/loss"] for row in train(study, cell, folder, footage, cpu, until=1)]
    assert begun[0] != begun[1]


def test_globals_of_an_earlier_trial_are_reset():
    threads = torch.get_num_threads()
    drawn = []
    for _ in range(2):
        reset_globals(1)
        drawn.append((torch.rand(()).item(), np.random.rand()))
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
    reset_globals(threads)
    assert drawn[0] == drawn[1] and torch.get_default_dtype() == torch.float32 and torch.is_grad_enabled()


def test_how_a_gpu_was_launched_is_a_fact_of_the_trial():
    run = Run.start(Experiment().override({"model": "grnn", "model.hidden_channels": 2}))
    run.launch = "as a CUDA graph"
    assert launched(run) == {}
    run.device = torch.device("cuda")
    assert launched(run) == {"steps": "as a CUDA graph"}
    run.launch = ""  # nothing was left to train
    assert launched(run) == {}
