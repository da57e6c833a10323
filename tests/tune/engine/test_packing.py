"""Packing: what is measured, what is chosen, and what becomes of a trial that runs out of a GPU's memory."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from fernn.experiment import Experiment
from tune.core.folder import Folder
from tune.core.study import Study, StudyError, plan_cells
from tune.engine import packing
from tune.engine.packing import Reading, best, layouts, measure, pack, packed, readings, side_by_side
from tune.planning.resources import Hardware, Node, Resources

SMALL = {"model.hidden_channels": 2, "model.embedding_channels": (2,), "data.size": 8, "data.num_frames": 2}


def reading(trials, rate, memory):
    return Reading(trials, 1, 1 / trials, rate, memory)


def test_the_best_rate_that_fits_is_chosen_and_fewer_trials_where_they_do_as_well():
    alone, pair, four = reading(1, 100, 0.2), reading(2, 150, 0.4), reading(4, 152, 0.8)
    assert best("grnn", [alone, pair, four]) == pair
    assert best("grnn", [alone, reading(2, 150, 0.95)]) == alone
    with pytest.raises(StudyError, match="one trial of grnn leaves less than 10% of the memory free"):
        best("grnn", [reading(1, 100, 0.91)])
    shares = packed(Resources(max_concurrent=3), {"grnn": [alone, pair, four]})
    assert shares.of("grnn") == (1, 0.5) and shares.of("another") == (1, 0) and shares.max_concurrent == 3
    assert shares.slowdown == {"grnn": 2 * 100 / 150}
    assert packed(Resources(), {"grnn": [replace(alone, gpus=0.0)]}).slowdown == {}  # the probe has its neighbours
    assert [line["chosen"] for line in readings({"grnn": [alone, pair, four]})] == [False, True, False]


@pytest.mark.parametrize(
    ("hardware", "cpus", "expected"),
    [
        (Hardware((Node(16, 1),)), 1, [(1, 1, 1), (2, 1, 0.5), (4, 1, 0.25), (8, 1, 0.125)]),
        (Hardware((Node(16, 0), Node(8, 2))), 2, [(1, 2, 1), (2, 2, 0.5)]),  # four CPUs to a GPU
        (Hardware((Node(0, 0),), (Node(16, 1, 8),)), 8, [(1, 8, 1), (2, 8, 0.5)]),  # machines that are still to come
        (Hardware((Node(64, 0), Node(6, 0))), 1, [(1, 6, 0), (2, 3, 0), (4, 1, 0)]),
    ],
)
def test_trials_are_laid_out_on_one_gpu_or_on_one_machines_cpus(hardware, cpus, expected):
    assert layouts(Resources(cpus), hardware, num_cells=100) == expected


def test_no_more_trials_are_laid_out_than_there_are_cells_for():
    assert [n for n, *_ in layouts(Resources(), Hardware((Node(64, 2),)), num_cells=6)] == [1, 2, 4]
    assert [n for n, *_ in layouts(Resources(), Hardware((Node(64, 0),)), num_cells=1)] == [1]
    with pytest.raises(StudyError, match="needs a machine with CPUs"):
        layouts(Resources(), Hardware((Node(0, 0),)), num_cells=1)


def test_measuring_ends_where_the_memory_is_short(monkeypatch):
    by_count = {1: reading(1, 100, 0.3), 2: reading(2, 150, 0.55), 4: reading(4, 200, 0.9)}
    places = layouts(Resources(), Hardware((Node(16, 1),)), num_cells=100)
    monkeypatch.setattr(packing, "side_by_side", lambda experiment, trials, *rest: by_count[trials])
    assert measure(Experiment(), places) == [by_count[1], by_count[2]]
    monkeypatch.setattr(packing, "side_by_side", lambda experiment, trials, *rest: by_count[1] if trials == 1 else None)
    assert measure(Experiment(), places) == [by_count[1]]


def test_a_machine_that_is_never_free_is_not_waited_for(two_cpus, monkeypatch):
    monkeypatch.setattr(packing, "PATIENCE", 0.5)
    with pytest.raises(StudyError, match="no machine had 3 CPUs free for 0 s to measure fernn-v2 on: wait"):
        side_by_side(Experiment(), 1, 3, 0)


def test_a_trials_frames_count_where_it_computes_on_a_gpu(monkeypatch):
    """A prober opens the corpus as a trial does, on its GPU; on a CPU trials share the frames without copies."""
    opened = []
    corpus = SimpleNamespace(stream=lambda *arguments: opened.append(arguments))
    experiment = Experiment().override({"model": "grnn", **SMALL})
    packing.Prober(experiment, 1, corpus)
    assert not opened
    run = SimpleNamespace(device=torch.device("cuda"))
    monkeypatch.setattr(packing.Run, "start", lambda *_: run)
    monkeypatch.setattr(packing, "steps_of", lambda run: None)
    packing.Prober(experiment, 1, corpus)
    assert opened == [(experiment.data, experiment.batch_size, run.device)]


def test_readings_with_and_without_frames_are_kept_apart(monkeypatch, tmp_path):
    monkeypatch.setattr("ray.cluster_resources", dict)
    cells = plan_cells(Experiment(), {"model": ("grnn",), "seed": (0, 1)}, "hash", settings=SMALL)
    (first, second), places = cells, [(1, 1.0, 1.0)]
    bare, full = (packing.digest(first, places, with_frames=counted) for counted in (False, True))
    assert bare != full and packing.digest(second, places, with_frames=True) == full
    assert packing.digest(replace(first, data_hash="other"), places, with_frames=True) != full


def test_unlike_gpus_are_named_since_one_is_measured(monkeypatch, tmp_path, capsys):
    kinds = {"CPU": 8.0, "GPU": 2.0, "accelerator_type:T4": 1.0, "accelerator_type:A100": 1.0}
    monkeypatch.setattr("ray.cluster_resources", lambda: kinds)
    monkeypatch.setattr(packing, "hardware", lambda: Hardware((Node(4, 1), Node(4, 1))))
    monkeypatch.setattr(packing, "side_by_side", lambda experiment, trials, *rest: reading(trials, 100, 0.2))
    cells = plan_cells(Experiment(), {"model": ("grnn",), "seed": (0,)}, "hash", settings=SMALL)
    study = Study("s", Folder(str(tmp_path / "s")), {}, cells)
    pack(study, Resources(), keep=False)
    assert "several kinds of GPU (A100, T4): one is measured for all" in capsys.readouterr().err
    del kinds["accelerator_type:T4"]
    pack(study, Resources(), keep=False)
    assert "several kinds" not in capsys.readouterr().err


@pytest.mark.soak
def test_trials_side_by_side_are_measured_once(two_cpus, tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "SECONDS", 0.1)
    cells = plan_cells(Experiment(), {"model": ("grnn",), "seed": (0, 1)}, "hash", settings=SMALL)
    study = Study("s", Folder(str(tmp_path / "s")), {}, cells)
    monkeypatch.setattr(packing, "hardware", lambda: Hardware((Node(2, 0),)))
    measured = pack(study, Resources(), keep=True)
    assert [(reading.trials, reading.cpus, reading.gpus) for reading in measured["grnn"]] == [(1, 2, 0), (2, 1, 0)]
    assert all(reading.clips_per_second > 0 and 0 < reading.memory < 0.9 for reading in measured["grnn"])
    monkeypatch.setattr(packing, "side_by_side", None)
    assert pack(study, Resources(), keep=False) == measured
    monkeypatch.setattr(packing, "hardware", lambda: Hardware((Node(1, 0),)))
    with pytest.raises(TypeError):  # on other machines it is measured anew
        pack(study, Resources(), keep=False)
