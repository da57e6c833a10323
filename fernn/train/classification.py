"""Classification of clips as a task."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fernn.metrics.classification import accuracy, cross_entropy
from fernn.train.metric import ACCURACY


@dataclass(frozen=True)
class Logits:
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

    def columns(self) -> dict[str, list[Any]]:
        return {"label": self.labels.tolist(), "logits": self.logits.tolist()}


class Classification:
    """Clips to classes, by cross-entropy."""

    metric = ACCURACY

    def inputs(self, clips: Tensor) -> tuple[Tensor]:
        return (clips,)

    def loss(self, model: nn.Module, clips: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        logits = model(clips)
        return F.cross_entropy(logits.float(), labels), (logits.argmax(dim=1) == labels).sum()

    def evaluate(self, model: nn.Module, clips: Tensor, labels: Tensor) -> Mapping[str, Tensor]:
        return {"label": labels, "logits": model(clips).float()}

    def predictions(self, ids: list[str], columns: Mapping[str, Any]) -> Logits:
        return Logits(torch.as_tensor(columns["logits"]), torch.as_tensor(columns["label"]), ids)

    def examples(self, model: nn.Module, clips: Tensor) -> dict[str, Tensor]:
        return {}
