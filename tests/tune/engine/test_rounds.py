"""Whole searches in rounds: sampled, halved, grown; and that each ends as an unbroken one does."""

import sys
from collections import Counter
from dataclasses import replace
from functools import partial

import pytest

from fernn.experiment import Experiment
from tests.support import tiny
from tests.support.tiny import Listener, results, study_in
from tune.core.choice import Domain
from tune.core.protocol import import_models, load_study, save_study
from tune.core.study import cells_at
from tune.engine.ray_tune import Workload
from tune.engine.rounds import run_rounds, run_with_retries
from tune.planning.choices import with_choices
from tune.planning.resources import Resources
from tune.planning.sampling import Sampler

SPACE = {"model": ("grnn",), "optim.lr": (1e-1, 1e-2), "seed": (0, 1)}
ONE_CELL = {**SPACE, "optim.lr": (1e-2,), "seed": (0,)}
EPOCHS = 9


@pytest.fixture(scope="module")
def footage():
    return tiny.footage()


@pytest.fixture(scope="module")
def unbroken(two_cpus, footage, tmp_path_factory):
    """Each cell's results after a search without rounds, by key."""
    study = study_in(tmp_path_factory.mktemp("unbroken"), SPACE, epochs=EPOCHS)
    run(study, footage)
    return by_key(study)


def by_key(study):
    return dict(zip((cell.key for cell in study.cells), results(study), strict=True))


def run(study, footage, replan=None):
    """What was heard, and the study as it ends."""
    save_study(study)
    listener = Listener()
    study, failures = run_rounds(Workload(study, footage, Resources(), [listener]), replan or (lambda: study))
    assert failures == {} and study.missing() == []
    return Counter(word for word, *_ in listener.heard), study


def test_more_epochs_go_on_where_the_shorter_training_ended(unbroken, footage, tmp_path):
    run(study_in(tmp_path, ONE_CELL, epochs=2), footage)
    longer = study_in(tmp_path, ONE_CELL, epochs=EPOCHS)
    heard, _ = run(longer, footage)
    assert heard["reported"] == EPOCHS - 2
    assert by_key(longer) == {cell.key: unbroken[cell.key] for cell in longer.cells}
    assert {cell.experiment.epochs for cell in load_study(longer.folder).cells} == {EPOCHS}


def test_halving_stops_rates_early_and_changes_nothing_about_the_others(unbroken, footage, tmp_path):
    halved = study_in(tmp_path, SPACE, epochs=EPOCHS, scheduler="halving")
    heard, _ = run(halved, footage)
    assert (heard["stopped"], heard["done"]) == (2, 2)
    done = [cell for cell in halved.cells if halved.cell_folder(cell).done() is not None]
    assert {cell.experiment.seed for cell in done} == {0, 1} and len({cell.experiment.optim.lr for cell in done}) == 1
    assert by_key(replace(halved, cells=tuple(done))) == {cell.key: unbroken[cell.key] for cell in done}


def test_a_search_that_ray_ended_early_is_not_begun_again(footage, tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr("tune.engine.rounds.run_cells", lambda *arguments: calls.append(arguments) or {})
    study = study_in(tmp_path, ONE_CELL)
    assert run_rounds(Workload(study, footage, Resources(), []), lambda: study) == (study, {})  # as after a Ctrl-C
    assert len(calls) == 1


def sampled(folder, number):
    def at(points):
        return cells_at(Experiment(), points, "hash", tiny.TINY)

    sampler = Sampler("tpe", number, {"optim.lr": Domain((), 1e-4, 1e-1, True)})
    return with_choices(study_in(folder, {**SPACE, "optim.lr": ()}), sampler, [{"model": "grnn"}], at)


@pytest.mark.soak
def test_a_sampler_proposes_until_each_model_has_its_rates(two_cpus, footage, tmp_path):
    replan = partial(sampled, tmp_path, 5)
    heard, study = run(replan(), footage, replan)
    assert (heard["done"], heard["waiting"], study.num_to_come) == (10, 2, 0)  # five rates, two seeds, the last later
    assert run(replan(), footage, replan)[0] == {}
    assert sampled(tmp_path, 6).cells[:10] == study.cells
    ranges = {"optim.lr": {"log": [1e-4, 1e-1]}}
    assert load_study(study.folder).sampling == {"sampler": "tpe", "num_samples": 5, "ranges": ranges}


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
        assigned = ray.get_runtime_context().get_assigned_resources()
        if max(value for name, value in assigned.items() if name.startswith("GPU")) < self.share:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return self.head(clips.mean(dim=(1, 2, 3, 4))[:, None])


@dataclass(frozen=True)
class CrampedConfig(ModelConfig):
    name: str = "out_of_memory:CrampedConfig"
    share: float = 1.0

    def build(self, *, in_channels=1, num_classes=6):
        return Cramped(self.share)
"""


@pytest.mark.soak
@pytest.mark.parametrize(("share", "num_lost"), [(0.5, 1), (2.0, 2)])
def test_a_trial_without_room_goes_on_with_a_larger_share(share, num_lost, two_cpus, tmp_path, monkeypatch, capsys):
    (tmp_path / "out_of_memory.py").write_text(CRAMPED, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "out_of_memory", raising=False)
    import_models(["out_of_memory:CrampedConfig"])
    space = {"model": ("out_of_memory:CrampedConfig",), "model.share": (share,), "seed": (0,)}
    study, listener = tiny.study_in(tmp_path / "study", space), tiny.Listener()
    resources = Resources(0.5, 0.25)
    failed, last = run_with_retries(Workload(study, tiny.footage(), resources, [listener]), study.missing(), None)
    assert [word for word, *_ in listener.heard].count("lost") == num_lost
    if share <= 1:
        assert failed == {} and study.missing() == []
        assert f"goes on with {share:g} of a GPU" in capsys.readouterr().err
    else:
        assert list(failed.values()) == ["the GPU's memory ran out: CUDA out of memory."]
        assert not study.cell_folder(study.cells[0]).diverged()  # where there is more room, it may do well
    assert last.of("another") == {"": (0.5, 0.25)}
    assert last.of(study.model_label(study.cells[0])) == {"": (0.5, max(0.25, min(share, 1)))}
