"""Runs: weights come from the seed alone, evaluation leaves the mode as it was, and every data set has a task."""

from dataclasses import dataclass

import pytest
import torch

from fernn.config import DATA, DataConfig, DigitsConfig, data_config
from fernn.experiment import Experiment
from fernn.train.prediction import Prediction
from fernn.train.run import TASKS, Run, task_of, to_unit
from fernn.train.task import ACCURACY, Classification
from tests.fernn.train.noise import Noise, experiment


def test_seeds_decide_weights_and_nothing_else_does():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one, same, other = (Run.start(experiment(seed=seed)).model.head.weight for seed in (0, 0, 1))
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_prediction_restores_the_mode_and_keeps_the_order():
    run = Run.start(experiment())
    run.model.train()
    found = run.predict(Noise().evaluation("test"))
    assert run.model.training and found.ids == ["100", "101", "102", "103"]
    assert found.values["logits"].shape == (4, 6) and found.values["label"].tolist() == [4, 5, 0, 1]


def test_a_rotating_networks_weights_do_not_depend_on_what_was_built_before():
    fields = {"data.name": "rotating-mnist", "model": "grnn", "model.hidden_fields": 1, "model.group_order": 4}
    first, second = (Run.start(Experiment().override(fields)).model for _ in range(2))
    assert all(torch.equal(one, same) for one, same in zip(first.parameters(), second.parameters(), strict=True))


def test_grey_levels_are_divided_and_floats_are_not():
    device = torch.device("cpu")
    assert to_unit(torch.tensor([255], dtype=torch.uint8), device) == 1 and to_unit(torch.tensor([0.5]), device) == 0.5


@pytest.mark.parametrize(
    ("task", "columns"),
    [
        (Classification(), {"logits": torch.randn(2, 6), "label": torch.tensor([1, 5])}),
        (Prediction(1), {"errors": torch.rand(2, 7)}),
    ],
)
def test_what_is_kept_makes_the_predictions_again(task, columns):
    found = task.kind.of(["a", "b"], columns)
    assert task.kind.of(["a", "b"], found.columns()).metrics() == pytest.approx(found.metrics())


@dataclass(frozen=True)
class Discs(DigitsConfig):
    """A data set from elsewhere, of a kind that is known."""

    name: str = "discs"


@dataclass(frozen=True)
class Tones(DataConfig):
    """A data set from elsewhere, of a kind of its own."""

    name: str = "tones"
    size: int = 1
    num_frames: int = 2
    velocity_range: int = 0

    task = "tones"


def test_a_data_set_from_elsewhere_has_a_known_task_or_brings_its_own(monkeypatch):
    assert task_of(Discs(input_frames=3)) == Prediction(3)
    with pytest.raises(KeyError, match="task of 'tones' must be one of classification, .*, got 'tones'"):
        task_of(Tones())
    monkeypatch.setitem(TASKS, "tones", lambda data: Prediction(data.num_frames - 1))
    assert task_of(Tones()) == Prediction(1)


def test_every_data_set_has_its_task():
    assert {data.task for data in DATA.values()} == TASKS.keys()
    assert task_of(data_config("kth")).metric == ACCURACY
    assert task_of(data_config("rotating-mnist").override({"input_frames": 7})) == Prediction(7)
