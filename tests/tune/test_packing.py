"""Packing: what is measured, what is chosen, and what becomes of a trial that runs out of a GPU's memory."""

import sys

import pytest
import tiny

from fernn.experiment import Experiment
from tune import packing
from tune.packing import Reading, best, layouts, measure, pack, packed, records
from tune.preflight import Hardware, Node
from tune.rounds import run_with_room
from tune.search import Resources
from tune.store import Folder
from tune.study import Study, StudyError, plan_cells

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
    assert [line["chosen"] for line in records({"grnn": [alone, pair, four]})] == [False, True, False]


@pytest.mark.parametrize(
    ("nodes", "cpus", "expected"),
    [
        ([Node(16, 1)], 1, [(1, 1, 1), (2, 1, 0.5), (4, 1, 0.25), (8, 1, 0.125)]),
        ([Node(16, 0), Node(4, 2)], 2, [(1, 2, 1), (2, 2, 0.5)]),
        ([Node(2, 0), Node(6, 0)], 1, [(1, 6, 0), (2, 3, 0), (4, 1, 0)]),
    ],
)
def test_trials_are_laid_out_on_one_gpu_or_on_one_machines_cpus(nodes, cpus, expected):
    assert layouts(Resources(cpus), Hardware(tuple(nodes))) == expected


def test_measuring_ends_where_the_memory_is_short(monkeypatch):
    found = {1: reading(1, 100, 0.3), 2: reading(2, 150, 0.55), 4: reading(4, 200, 0.9)}
    monkeypatch.setattr(packing, "side_by_side", lambda experiment, trials, cpus, gpus: found[trials])
    assert measure(Experiment(), Resources(), Hardware((Node(16, 1),))) == [found[1], found[2]]
    monkeypatch.setattr(packing, "side_by_side", lambda experiment, trials, *share: found[1] if trials == 1 else None)
    assert measure(Experiment(), Resources(), Hardware((Node(16, 1),))) == [found[1]]


def test_trials_side_by_side_are_measured_once(two_cpus, tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "SECONDS", 0.1)
    cells = plan_cells(Experiment(), {"model": ("grnn",), "seed": (0, 1)}, "hash", settings=SMALL)
    study, have = Study("s", Folder(str(tmp_path / "s")), {}, cells), Hardware((Node(2, 0),))
    found = pack(study, cells, Resources(), have, study.folder)
    assert [(one.trials, one.cpus, one.gpus) for one in found["grnn"]] == [(1, 2, 0), (2, 1, 0)]
    assert all(one.clips_per_second > 0 and 0 < one.memory < 0.9 for one in found["grnn"])
    monkeypatch.setattr(packing, "side_by_side", None)
    assert pack(study, cells, Resources(), have, study.folder) == found
    with pytest.raises(TypeError):  # on other machines it is measured anew
        pack(study, cells, Resources(), Hardware((Node(4, 0),)), study.folder)


CRAMPED = """
from dataclasses import dataclass

import ray
import torch
from fernn.models import ModelConfig


class Cramped(torch.nn.Module):
    def __init__(self, share):
        super().__init__()
        self.share, self.head = share, torch.nn.Linear(1, 6)

    def forward(self, clips):
        held = ray.get_runtime_context().get_assigned_resources()
        if max(value for name, value in held.items() if name.startswith("GPU")) < self.share:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return self.head(clips.mean(dim=(1, 2, 3, 4))[:, None])


@dataclass(frozen=True)
class CrampedConfig(ModelConfig):
    name: str = "cramped:CrampedConfig"
    share: float = 1.0

    def build(self, *, in_channels=1, num_classes=6):
        return Cramped(self.share)
"""


@pytest.mark.parametrize(("share", "num_lost"), [(0.2, 0), (0.5, 1), (2.0, 2)])
def test_a_trial_without_room_goes_on_with_a_larger_share(share, num_lost, two_cpus, tmp_path, monkeypatch, capsys):
    (tmp_path / "cramped.py").write_text(CRAMPED, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "cramped", raising=False)
    space = {"model": ("cramped:CrampedConfig",), "model.share": (share,), "seed": (0,)}
    study, listener = tiny.study_in(tmp_path / "study", space), tiny.Listener()
    failed = run_with_room(study, study.missing(), tiny.footage(), Resources(0.5, 0.25), [listener], None)
    assert [word for word, *_ in listener.heard].count("lost") == num_lost
    if share <= 1:
        assert failed == [] and study.missing() == []
        assert (f"goes on with {share:g} of a GPU" in capsys.readouterr().err) == (num_lost > 0)
    else:
        assert failed[0].reason == "the GPU's memory ran out: CUDA out of memory."
