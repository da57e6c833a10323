"""Classification of clips as a task."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fernn.train.task import ACCURACY, Predictions, Task


class Logits(Predictions):
    """ "logits" (n, classes) in float32, and the "label" (n,) of every clip."""

    names = ("label", "logits")

    def metrics(self) -> dict[str, float]:
        """Accuracy, the share of clips whose largest logit is the label's, and mean cross-entropy in nats."""
        logits, labels = self.values["logits"], self.values["label"]
        return {
            "loss": F.cross_entropy(logits.double(), labels).item(),
            "accuracy": (logits.argmax(dim=1) == labels).double().mean().item(),
        }

    def confusion(self) -> Tensor:
        """Counts (classes, classes): row the label, column the prediction."""
        num_classes = self.values["logits"].shape[1]
        pairs = self.values["label"] * num_classes + self.values["logits"].argmax(dim=1)
        return torch.bincount(pairs, minlength=num_classes**2).view(num_classes, num_classes)


class Classification(Task):
    """Clips to classes, by cross-entropy."""

    metric, kind = ACCURACY, Logits

    def inputs(self, clips: Tensor) -> tuple[Tensor]:
        return (clips,)

    def loss(self, model: nn.Module, clips: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        logits = model(clips)
        return F.cross_entropy(logits.float(), labels), (logits.argmax(dim=1) == labels).sum()

    def evaluate(self, model: nn.Module, clips: Tensor, labels: Tensor) -> Mapping[str, Tensor]:
        return {"label": labels, "logits": model(clips).float()}
