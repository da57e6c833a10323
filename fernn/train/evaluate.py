"""Evaluation of a classifier on fixed clips."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fernn.batch import Batch
from fernn.experiment import Precision
from fernn.metrics import accuracy, cross_entropy


@dataclass(frozen=True)
class Predictions:
    """Logits (n, classes) in float32 and labels (n,) of the clips named by ``ids``."""

    logits: Tensor
    labels: Tensor
    ids: list[str]

    def metrics(self) -> dict[str, float]:
        """Accuracy and mean cross-entropy."""
        return {
            "loss": cross_entropy(self.logits, self.labels),
            "accuracy": accuracy(self.logits, self.labels),
        }


@torch.no_grad()
def predict(model: nn.Module, batches: Iterable[Batch], device: torch.device, precision: Precision) -> Predictions:
    """The model's logits for every clip, in eval mode; the mode it was in is restored."""
    was_training = model.training
    model.eval()
    logits, labels, ids = [], [], []
    for batch in batches:
        with autocast(device, precision):
            logits.append(model(to_unit(batch.clips, device)).float().cpu())
        labels.append(batch.labels)
        ids += batch.ids
    model.train(was_training)
    return Predictions(torch.cat(logits), torch.cat(labels), ids)


def to_unit(clips: Tensor, device: torch.device) -> Tensor:
    """uint8 clips on the device as float32 in [0, 1]."""
    return clips.to(device, non_blocking=True).float().div_(255)


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[None]:
    """bf16 matrix products where ``precision`` says so."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")
