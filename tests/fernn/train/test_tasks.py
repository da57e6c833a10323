"""Tasks by name: every data set has one, and what is kept makes its predictions."""

import pytest
import torch

from fernn.config import data_config
from fernn.train.classification import Classification
from fernn.train.metric import ACCURACY
from fernn.train.prediction import Prediction
from fernn.train.tasks import task_of


@pytest.mark.parametrize(
    ("task", "columns"),
    [
        (Classification(), {"logits": torch.randn(2, 6), "label": torch.tensor([1, 5])}),
        (Prediction(1), {"errors": torch.rand(2, 7)}),
    ],
)
def test_what_is_kept_makes_the_predictions_again(task, columns):
    found = task.predictions(["a", "b"], columns)
    assert task.predictions(["a", "b"], found.columns()).metrics() == pytest.approx(found.metrics())


def test_every_data_set_has_its_task():
    assert task_of(data_config("kth")).metric == ACCURACY
    assert task_of(data_config("rotating-mnist").override({"input_frames": 7})) == Prediction(7)
