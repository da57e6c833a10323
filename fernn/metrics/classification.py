"""Metrics of predictions: pure functions of logits and labels."""

import torch
import torch.nn.functional as F
from torch import Tensor


def accuracy(logits: Tensor, labels: Tensor) -> float:
    """Share of clips whose largest logit is the label's; logits (n, classes), labels (n,)."""
    return (logits.argmax(dim=1) == labels).double().mean().item()


def cross_entropy(logits: Tensor, labels: Tensor) -> float:
    """Mean cross-entropy in nats over clips, in float64."""
    return F.cross_entropy(logits.double(), labels).item()


def confusion_matrix(logits: Tensor, labels: Tensor) -> Tensor:
    """Counts (classes, classes): row the label, column the prediction."""
    classes = logits.shape[1]
    pairs = labels * classes + logits.argmax(dim=1)
    return torch.bincount(pairs, minlength=classes * classes).view(classes, classes)
