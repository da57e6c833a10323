"""Metrics know which way is better; predictions come back from what is kept of them; classification."""

import math

import pytest
import torch

from fernn.train.task import ACCURACY, ERROR, RMSE, Logits, Predictions


def test_metrics_know_which_way_is_better():
    assert ACCURACY.rank(0.7) > ACCURACY.rank(0.6) > ACCURACY.rank(ACCURACY.worst)
    assert ERROR.rank(0.1) > ERROR.rank(0.2) > ERROR.rank(ERROR.worst)
    assert ACCURACY.spread(0.5, 0.25) == "0.500 ± 0.250" and ERROR.spread(1.5e-4, None) == "0.00015"


def test_a_metric_may_be_the_root_of_a_mean():
    assert RMSE.of_mean(6.25) == 2.5 and ERROR.of_mean(6.25) == 6.25


class Heights(Predictions):
    names = ("height",)


def test_predictions_are_read_from_a_table_with_further_columns():
    found = Heights.of(["a", "b"], {"split": ["test"] * 2, "height": [1.5, 2.5], "person": ["x", "y"]})
    assert found.columns() == {"height": [1.5, 2.5]} and found.values["height"].dtype == torch.float32
    with pytest.raises(NotImplementedError, match="Heights must define metrics"):
        found.metrics()


LOGITS = Logits.of(list("abc"), {"logits": [[2.0, 0.0], [0.0, 1.0], [3.0, 0.0]], "label": [0, 1, 1], "person": "xyz"})


def test_accuracy_counts_hits():
    assert LOGITS.metrics()["accuracy"] == 2 / 3


def test_cross_entropy_is_the_mean_negative_log_probability():
    expected = [math.log1p(math.exp(-2)), math.log1p(math.exp(-1)), math.log1p(math.exp(3))]
    assert math.isclose(LOGITS.metrics()["loss"], sum(expected) / 3, rel_tol=1e-12)


def test_the_confusion_matrix_has_labels_as_rows():
    assert LOGITS.confusion().tolist() == [[1, 0], [1, 1]]
