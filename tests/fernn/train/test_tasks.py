"""Tasks by name: every data set has one, and what is kept makes its predictions."""

from dataclasses import dataclass

import pytest
import torch

from fernn.config import DATA, DataConfig, DigitsConfig, data_config
from fernn.train.classification import Classification
from fernn.train.prediction import Prediction
from fernn.train.task import ACCURACY
from fernn.train.tasks import TASKS, task_of


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
