"""What a plan costs: probed once a model, scaled by clips, epochs and trials at once."""

import os
import weakref
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from fernn.experiment import Experiment
from fernn.flops import Work
from fernn.models import MODELS
from tests.support.stored_study import finished_study
from tune.commands.search_output import describe_cost
from tune.core.cells import plan_cells
from tune.core.folder import Folder
from tune.core.study import Study, StudyError
from tune.engine import cost as estimate
from tune.planning.resources import Hardware, Node, Resources

SMALL = {"model.hidden_channels": 2, "model.embedding_channels": (2,), "data.size": 8, "data.num_frames": 2}


def machine(cpus, gpus):
    return Hardware((Node(cpus, gpus),))


@pytest.fixture
def cost_of(monkeypatch):
    """The cost of a study's missing cells on machines."""
    monkeypatch.setattr(estimate, "training_work", lambda _: None)

    def cost(study, resources, machines, clips=(90, 30, 30), **where):
        clips = dict(zip(("train", "validation", "test"), clips, strict=True))
        monkeypatch.setattr(estimate, "hardware", lambda: machines)
        return estimate.cost_of(SimpleNamespace(study=study, num_clips=lambda data: clips), resources, **where)

    return cost


def test_time_and_disk_scale_with_cells_epochs_and_concurrency(cost_of, monkeypatch, tmp_path):
    monkeypatch.setattr(estimate, "measured", lambda *_: (0.5, 100_000))
    cells = plan_cells(Experiment(), {"model": ("grnn",), "seed": (0, 1, 2)}, "hash", settings={"epochs": 6})
    study = Study("s", Folder(str(tmp_path)), {}, cells)
    alone = cost_of(study, Resources(), machine(1, 0))
    of_cell = (6 * 100 + 20) * 0.5  # epochs of training and validation, then both evaluations
    assert (alone.seconds, alone.num_bytes, alone.concurrency) == (3 * of_cell, 8_400_000, 1)
    assert cost_of(study, Resources(), machine(3, 0)).seconds == alone.seconds / 3


def test_epochs_that_are_done_cost_nothing(cost_of, monkeypatch, tmp_path):
    monkeypatch.setattr(estimate, "measured", lambda *_: (0.5, 100_000))
    study = finished_study(
        tmp_path, {"model": ("grnn",), "optim.lr": (1e-3,), "seed": (0, 1)}, {("grnn", 1e-3, 0): (5, 5)}
    )
    longer = tuple(replace(cell, experiment=replace(cell.experiment, epochs=501)) for cell in study.cells)
    cost = cost_of(replace(study, cells=longer), Resources(), machine(1, 0))
    assert list(cost.pace.epochs_done.values()) == [1, 0]  # a finished cell has one recorded epoch in these studies
    assert cost.seconds == ((500 + 501) * 100 + 2 * 20) * 0.5


def test_a_gpus_hours_have_a_price(cost_of, monkeypatch, tmp_path):
    monkeypatch.setattr(estimate, "measured", lambda *_: (36.0, 100_000))
    cells = plan_cells(Experiment(), {"model": ("grnn",), "seed": (0, 1)}, "hash", settings={"epochs": 1})
    study = Study("s", Folder(str(tmp_path)), {}, cells)
    cost = cost_of(study, Resources(gpus=1), machine(4, 1))
    assert cost.gpu_hours == pytest.approx(2 * 120 * 36 / 3600) and cost.price is cost.least is cost.least_price is None
    assert "2.4 GPU-hours, a price of 6.00" in describe_cost(replace(cost, price=6.0))


KTH = (1517, 380, 494)
"""Clips of each split; a step of 32 takes 75 ms."""


@pytest.fixture
def shared(cost_of, monkeypatch, tmp_path):
    """The cost of eight cells of FERNN-V2 on one GPU, of which each trial holds a share."""
    cells = plan_cells(Experiment(), {"model": ("fernn-v2",), "seed": tuple(range(8))}, "hash")
    study = Study("s", Folder(str(tmp_path)), {}, cells)

    def cost(gpus, peak=None, **measured):
        monkeypatch.setattr(estimate, "measured", lambda *_: (0.075 / 32, 100_000, "NVIDIA H200", peak))
        monkeypatch.setattr(estimate, "training_work", lambda _: Work(0.327107e12, 3.8e9))
        return cost_of(study, Resources(gpus=gpus, **measured), machine(16, 1), KTH)

    return cost


def test_a_whole_gpu_costs_what_a_trial_alone_takes(shared):
    cost = shared(1)
    assert cost.gpu_hours == pytest.approx(4.28, abs=5e-3) and cost.least is None
    assert cost.seconds / 3600 == pytest.approx(4.28, abs=5e-3)


@pytest.mark.parametrize(("share", "least"), [(0.5, 2.14), (0.25, 1.07), (0.125, 0.54)])
def test_a_share_costs_as_much_as_a_whole_gpu_unless_sharing_pays(shared, share, least):
    """At worst trials take turns, as if one after the other; at best each runs as if alone."""
    cost = shared(share)
    assert cost.gpu_hours == pytest.approx(4.28, abs=5e-3) and cost.least.gpu_hours == pytest.approx(least, abs=5e-3)
    assert cost.seconds / 3600 == pytest.approx(4.28, abs=5e-3)
    assert cost.least.seconds / 3600 == pytest.approx(least, abs=5e-3)
    assert f"{least:.1f} to 4.3 GPU-hours, a price of {2 * cost.least.gpu_hours:.2f} to " in describe_cost(
        replace(cost, price=2 * cost.gpu_hours)
    )


def test_all_trials_together_stay_below_the_peak(shared):
    """Alone one reaches 14.1 % of it, so that eight cannot all run as if alone: 4.28 h times 0.141."""
    assert shared(0.125, 989.4e12).least.gpu_hours == pytest.approx(0.604, abs=5e-3)
    assert shared(0.25, 989.4e12).least.gpu_hours == pytest.approx(1.07, abs=5e-3)
    busy = shared(0.25, 140e12)  # one alone computes as fast as the GPU can
    assert busy.least.gpu_hours == pytest.approx(4.27, abs=0.01) and busy.rooflines["fernn-v2", ""].share > 0.99


def test_what_packing_measured_is_no_range(shared):
    cost = shared(0.25, 989.4e12, slowdown={("fernn-v2", ""): 2.5})
    assert cost.gpu_hours == pytest.approx(2.5 * 1.07, abs=0.01) and cost.least is None


def test_no_more_trials_share_a_gpu_than_run():
    assert estimate.slowdown(Resources(gpus=0.25), ("m", ""), 2, None) == (1.0, 2.0)
    assert estimate.slowdown(Resources(gpus=1), ("m", ""), 8, 1.5) == (1.0, 1.0)
    assert estimate.slowdown(Resources(gpus=0), ("m", ""), 8, 0.5) == (1.0, 1.0)


def test_cells_that_differ_in_rate_seed_or_epochs_share_a_probe():
    base = Experiment()
    changes = ({"seed": 3}, {"optim.lr": 1e-4}, {"epochs": 7})
    assert {estimate.probe_of(base.override(change)) for change in changes} == {estimate.probe_of(base)}
    assert estimate.probe_of(replace(base, model=MODELS["kth"]["grnn"])) != estimate.probe_of(base)


def test_a_probe_measures_a_step_and_counts_parameters():
    seconds, parameters, device, peak = estimate.probe(
        Experiment().override({"model": "grnn", **SMALL}), cpus=1, load=None
    )
    assert seconds > 0 and device and peak > 1e8 and parameters == 2 * 25 + 4 + 2 * 2 * 9 + 4 + 2 * 2 * 9 + 2 * 6 + 6


def test_each_model_costs_by_what_its_trials_hold(cost_of, monkeypatch, tmp_path):
    monkeypatch.setattr(estimate, "measured", lambda experiment, share, *_: (0.5 / share[0], 100_000))
    cells = plan_cells(Experiment(), {"model": ("grnn", "3dcnn"), "seed": (0, 1)}, "hash", settings={"epochs": 6})
    study = Study("s", Folder(str(tmp_path)), {"model": ("grnn", "3dcnn"), "seed": (0, 1)}, cells)
    resources = Resources(by_model={"3dcnn": {"": (4, 0)}})
    cost = cost_of(study, resources, machine(4, 0))
    assert cost.seconds == 2 * 620 * 0.5 / 4 + 2 * 620 * 0.125 and cost.concurrency == 4


def test_kinds_of_gpu_share_the_cells_by_their_speed(cost_of, monkeypatch, tmp_path):
    """Four trials at once on the fast kind, one on the slow kind, which takes a ninth of the cells."""
    seconds = {"A100": 0.5, "T4": 1.0}
    monkeypatch.setattr(estimate, "measured", lambda *arguments: (seconds[arguments[-1]], 100_000))
    cells = plan_cells(Experiment(), {"model": ("grnn",), "seed": tuple(range(9))}, "hash", settings={"epochs": 6})
    study = Study("s", Folder(str(tmp_path)), {}, cells)
    machines = Hardware((Node(16, 1, kind="A100"), Node(16, 1, kind="T4")))
    resources = Resources(1, 0.25, None, {"A100": 0.25, "T4": 1.0}, slowdown={("grnn", "A100"): 1.0})
    cost = cost_of(study, resources, machines)
    assert cost.seconds == pytest.approx(9 * 620 / (4 / 0.5 + 1 / 1.0)) and cost.concurrency == 5 and cost.least is None
    assert cost.gpu_hours == pytest.approx(cost.seconds * 2 / 3600)  # both GPUs are held throughout
    assert cost.shares == {("grnn", "A100"): 0.25, ("grnn", "T4"): 1.0}
    assert list(cost.rooflines) == list(cost.shares) and cost.num_bytes == 9 * 2_800_000
    assert cost.pace.gpus["grnn"] == pytest.approx(8 / 9 * 0.25 + 1 / 9)


def test_a_cluster_is_probed_where_its_trials_will_run(cost_of, two_cpus, monkeypatch, tmp_path):
    cells = plan_cells(Experiment(), {"model": ("grnn",), "seed": (0,)}, "hash", settings={"epochs": 1, **SMALL})
    study = Study("s", Folder(str(tmp_path)), {}, cells)
    monkeypatch.setattr(estimate, "probe", lambda *_: (os.getpid(), 100))  # it goes with the task by value
    cost = cost_of(study, Resources(), machine(2, 0), elsewhere=True)
    assert cost.seconds not in (0, pytest.approx(120 * os.getpid())) and cost.num_bytes == 2_800


def test_a_cluster_without_a_free_machine_costs_an_unknown_amount(cost_of, two_cpus, monkeypatch, tmp_path):
    monkeypatch.setattr(estimate, "PATIENCE", 0.1)
    cells = plan_cells(Experiment(), {"model": ("grnn",), "seed": (1,)}, "hash", settings={"epochs": 1, **SMALL})
    study = Study("s", Folder(str(tmp_path)), {}, cells)
    with pytest.raises(estimate.NoMachineError, match="no machine with 64 CPUs and 0 GPUs free in 0 s"):
        cost_of(study, Resources(cpus=64), machine(64, 0), elsewhere=True)


def test_a_model_that_fails_elsewhere_is_named(cost_of, two_cpus, monkeypatch, tmp_path):
    def fails(*_):
        raise ValueError("what is wrong\nand more")

    monkeypatch.setattr(estimate, "probe", fails)
    cells = plan_cells(Experiment(), {"model": ("grnn",), "seed": (2,)}, "hash", settings={"batch_size": 3, **SMALL})
    study = Study("s", Folder(str(tmp_path)), {}, cells)
    with pytest.raises(StudyError, match="model 'grnn' fails in its first training step: what is wrong$"):
        cost_of(study, Resources(), machine(2, 0), elsewhere=True)


def test_memory_that_runs_out_in_a_probe_leaves_the_cost_unknown_and_is_given_back(monkeypatch):
    held = []

    def probe(*_):
        run = nn.Linear(2, 2)
        held.append(weakref.ref(run))
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(estimate, "probe", probe)
    with pytest.raises(estimate.NoMachineError, match="a GPU's memory ran out in a step of grnn") as error:
        estimate.measured(Experiment().override({"model": "grnn", "seed": 7}), (1.0, 0.5), (1, 1.0), False, "")
    assert held[0]() is None and error.value.__context__ is not None  # while the error is still there
