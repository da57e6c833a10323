"""Classification: accuracy, cross-entropy, and what is taken for what."""

import math

from fernn.train.classification import Logits

LOGITS = Logits.of(list("abc"), {"logits": [[2.0, 0.0], [0.0, 1.0], [3.0, 0.0]], "label": [0, 1, 1], "person": "xyz"})


def test_accuracy_counts_hits():
    assert LOGITS.metrics()["accuracy"] == 2 / 3


def test_cross_entropy_is_the_mean_negative_log_probability():
    expected = [math.log1p(math.exp(-2)), math.log1p(math.exp(-1)), math.log1p(math.exp(3))]
    assert math.isclose(LOGITS.metrics()["loss"], sum(expected) / 3, rel_tol=1e-12)


def test_the_confusion_matrix_has_labels_as_rows():
    assert LOGITS.confusion().tolist() == [[1, 0], [1, 1]]
