"""Packing: what is measured, what is chosen, and what becomes of a trial that runs out of a GPU's memory."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from fernn.experiment import Experiment
from tune.core.cells import plan_cells
from tune.core.folder import Folder
from tune.core.study import Study, StudyError
from tune.engine import packing
from tune.engine.cost import NoMachineError
from tune.engine.packing import Reading, best, check_fit, layouts, measure, pack, packed, readings, side_by_side
from tune.planning.resources import Hardware, Node, Resources

SMALL = {"model.hidden_channels": 2, "model.embedding_channels": (2,), "data.size": 8, "data.num_frames": 2}


GRNN = ("grnn", "")


def reading(trials, rate, memory):
    return Reading(trials, 1, 1 / trials, rate, memory)


def test_the_best_rate_that_fits_is_chosen_and_fewer_trials_where_they_do_as_well():
    alone, pair, four = reading(1, 100, 0.2), reading(2, 150, 0.4), reading(4, 152, 0.8)
    assert best([alone, pair, four]) == pair
    assert best([alone, reading(2, 150, 0.95)]) == alone
    assert best([]) is best([reading(1, 100, 0.91)]) is None
    shares = packed(Resources(max_concurrent=3), {GRNN: [alone, pair, four]})
    assert shares.of("grnn") == {"": (1, 0.5)} and shares.of("another") == {"": (1, 0)} and shares.max_concurrent == 3
    assert shares.slowdown == {GRNN: 2 * 100 / 150}
    assert packed(Resources(), {GRNN: [replace(alone, gpus=0.0)]}).slowdown == {}  # the probe has its neighbours
    assert [line["chosen"] for line in readings({GRNN: [alone, pair, four]})] == [False, True, False]


def test_each_kind_of_gpu_has_its_own_share_and_a_small_kind_may_have_none():
    fast, slow, full = reading(4, 400, 0.8), reading(2, 100, 0.8), reading(1, 50, 0.95)
    readings_of = {("grnn", "T4"): [slow], ("grnn", "A100"): [fast], ("3dcnn", "T4"): [full], ("3dcnn", "A100"): [fast]}
    shares = packed(Resources(by_kind={"T4": 1.0, "A100": 0.25}), readings_of)
    assert list(shares.of("grnn").items()) == [("A100", (1, 0.25)), ("T4", (1, 0.5))]  # the fastest trials first
    assert shares.of("3dcnn") == {"A100": (1, 0.25)}
    assert [line["kind"] for line in readings(readings_of) if line["chosen"]] == ["T4", "A100", "A100"]
    check_fit("3dcnn", readings_of)
    with pytest.raises(StudyError, match="one trial of 3dcnn leaves less than 10% of the memory free"):
        check_fit("3dcnn", {("3dcnn", "T4"): [full], ("3dcnn", "A100"): []})


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


def test_each_kind_of_gpu_is_laid_out_by_its_own_machines():
    machines = Hardware((Node(16, 1, kind="A100"), Node(2, 1, kind="T4")))
    assert len(layouts(Resources(), machines, 100, "A100")) == 4 and len(layouts(Resources(), machines, 100, "T4")) == 2
    assert [n for n, *_ in layouts(Resources(), machines, 4, "A100")] == [1, 2]  # the other GPU takes two cells as well


def test_no_more_trials_are_laid_out_than_there_are_cells_for():
    assert [n for n, *_ in layouts(Resources(), Hardware((Node(64, 2),)), num_cells=6)] == [1, 2, 4]
    assert [n for n, *_ in layouts(Resources(), Hardware((Node(64, 0),)), num_cells=1)] == [1]
    with pytest.raises(StudyError, match="needs a machine with CPUs"):
        layouts(Resources(), Hardware((Node(0, 0),)), num_cells=1)


def test_measuring_ends_where_the_memory_is_short(monkeypatch):
    by_count = {1: reading(1, 100, 0.3), 2: reading(2, 150, 0.55), 4: reading(4, 200, 0.9)}
    places = layouts(Resources(), Hardware((Node(16, 1),)), num_cells=100)
    monkeypatch.setattr(packing, "side_by_side", lambda experiment, layout, *rest: by_count[layout[0]])
    assert measure(Experiment(), places) == [by_count[1], by_count[2]]
    monkeypatch.setattr(
        packing, "side_by_side", lambda experiment, layout, *rest: by_count[1] if layout[0] == 1 else None
    )
    assert measure(Experiment(), places) == [by_count[1]]


def test_a_machine_that_is_never_free_is_not_waited_for(two_cpus, monkeypatch):
    monkeypatch.setattr(packing, "PATIENCE", 0.5)
    with pytest.raises(NoMachineError, match="no machine had 3 CPUs free for 0 s to measure fernn-v2 on"):
        side_by_side(Experiment(), (1, 3, 0))


def test_a_kind_that_is_never_free_gets_no_trial_and_another_is_measured(monkeypatch, tmp_path, capsys):
    machines = Hardware((Node(4, 1, kind="A100"), Node(4, 1, kind="T4")))

    def measure(experiment, possible, clips, kind):
        if kind == busy or busy == "all":
            raise NoMachineError(f"no machine had a GPU ({kind}) free")
        return [reading(1, 100, 0.2)]

    monkeypatch.setattr("ray.cluster_resources", dict)
    monkeypatch.setattr(packing, "hardware", lambda: machines)
    monkeypatch.setattr(packing, "measure", measure)
    cells = plan_cells(Experiment(), {"model": ("grnn",), "seed": (0,)}, "hash", settings=SMALL)
    study = Study("s", Folder(str(tmp_path / "s")), {}, cells)
    both = Resources(by_kind={"A100": 0.25, "T4": 0.25})
    for busy, free in (("A100", "T4"), ("T4", "A100")):
        assert list(pack(study, both, keep=False)) == [("grnn", free)]
        said = capsys.readouterr().err
        assert f"({busy}) free: grnn on {busy} is not measured, and gets no trial there" in " ".join(said.split())
    busy = "all"
    with pytest.raises(
        StudyError, match="no machine was free to measure grnn on: wait for what runs there, or give --gpus-per-trial a"
    ):
        pack(study, both, keep=False)


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
    bare, full = (packing.digest(first, places, "", with_frames=counted) for counted in (False, True))
    assert bare != full and packing.digest(second, places, "", with_frames=True) == full
    assert packing.digest(replace(first, data_hash="other"), places, "", with_frames=True) != full


def test_each_kind_is_measured_once_and_readings_of_one_kind_stay_as_they_were(monkeypatch, tmp_path):
    machines, measured = [Hardware((Node(4, 1, kind="A100"),))], []

    def side_by_side(experiment, layout, clips, kind):
        measured.append((kind, layout[0]))
        return reading(layout[0], 100, 0.2)

    monkeypatch.setattr("ray.cluster_resources", lambda: {"CPU": 8.0, "GPU": 2.0, "accelerator_type:A100": 1.0})
    monkeypatch.setattr(packing, "hardware", lambda: machines[-1])
    monkeypatch.setattr(packing, "side_by_side", side_by_side)
    cells = plan_cells(Experiment(), {"model": ("grnn",), "seed": (0,)}, "hash", settings=SMALL)
    study = Study("s", Folder(str(tmp_path / "s")), {}, cells)
    assert list(pack(study, Resources(), keep=True)) == [GRNN] and measured == [("", 1)]
    alone = study.folder.read_sealed(packing.FILE, packing.WAY_OUT)
    assert list(alone) == ["grnn"]
    machines.append(Hardware((Node(4, 1, kind="A100"), Node(4, 1, kind="T4"))))
    both = Resources(by_kind={"A100": 0.25, "T4": 0.25})
    assert list(pack(study, both, keep=True)) == [("grnn", "A100"), ("grnn", "T4")]
    assert measured[1:] == [("A100", 1), ("T4", 1)]
    assert list(pack(study, both, keep=True)) == [("grnn", "A100"), ("grnn", "T4")] and len(measured) == 3
    stored = study.folder.read_sealed(packing.FILE, packing.WAY_OUT)
    assert list(stored) == ["grnn", "grnn on A100", "grnn on T4"] and stored["grnn"] == alone["grnn"]


@pytest.mark.soak
def test_trials_side_by_side_are_measured_once(two_cpus, tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "SECONDS", 0.1)
    cells = plan_cells(Experiment(), {"model": ("grnn",), "seed": (0, 1)}, "hash", settings=SMALL)
    study = Study("s", Folder(str(tmp_path / "s")), {}, cells)
    monkeypatch.setattr(packing, "hardware", lambda: Hardware((Node(2, 0),)))
    measured = pack(study, Resources(), keep=True)
    assert [(reading.trials, reading.cpus, reading.gpus) for reading in measured[GRNN]] == [(1, 2, 0), (2, 1, 0)]
    assert all(reading.clips_per_second > 0 and 0 < reading.memory < 0.9 for reading in measured[GRNN])
    monkeypatch.setattr(packing, "side_by_side", None)
    assert pack(study, Resources(), keep=False) == measured
    monkeypatch.setattr(packing, "hardware", lambda: Hardware((Node(1, 0),)))
    with pytest.raises(TypeError):  # on other machines it is measured anew
        pack(study, Resources(), keep=False)
