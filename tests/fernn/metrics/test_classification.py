"""Metrics of classification."""

import math

import torch

from fernn.metrics.classification import accuracy, confusion_matrix, cross_entropy

LOGITS = torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0]])
LABELS = torch.tensor([0, 1, 1])


def test_accuracy_counts_hits():
    assert accuracy(LOGITS, LABELS) == 2 / 3


def test_cross_entropy_is_the_mean_negative_log_probability():
    expected = [math.log1p(math.exp(-2)), math.log1p(math.exp(-1)), math.log1p(math.exp(3))]
    assert math.isclose(cross_entropy(LOGITS, LABELS), sum(expected) / 3, rel_tol=1e-12)


def test_the_confusion_matrix_has_labels_as_rows():
    assert confusion_matrix(LOGITS, LABELS).tolist() == [[1, 0], [1, 1]]
