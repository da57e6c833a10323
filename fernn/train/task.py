"""What a model is trained for (loss, metric that selects, predictions), and its plainest kind: classification."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Metric:
    """The number by which epochs and learning rates are chosen: what it is called, and which values are better."""

    name: str
    title: str
    """The name in a sentence."""
    definition: str
    """What it is, in words."""
    higher_is_better: bool
    worst: float
    """The value of a cell that diverged."""
    form: str = ".3f"
    """How a value is written in tables."""
    root: bool = False
    """Whether it is the root of the mean of what is summed over clips."""

    def of_mean(self, mean: float) -> float:
        """The metric of clips, from the mean over clips of what :meth:`Task.loss` sums."""
        return math.sqrt(mean) if self.root else mean

    def rank(self, value: float) -> float:
        """A number that is larger where the value is better."""
        return value if self.higher_is_better else -value

    def text(self, value: float) -> str:
        """The value in tables."""
        return f"{value:{self.form}}"

    def spread(self, mean: float, deviation: float | None) -> str:
        """mean ± deviation in tables; the mean alone where there is no deviation."""
        return self.text(mean) + ("" if deviation is None else f" ± {self.text(deviation)}")


ACCURACY = Metric("accuracy", "accuracy", "share of clips whose largest logit is the label's", True, 0.0)
ERROR = Metric(
    "mse", "error (MSE)", "squared error, mean over pixels, channels, predicted frames and clips", False,
    math.inf, ".3g",
)  # fmt: skip
RMSE = Metric(
    "rmse", "error (RMSE)", "root of the squared error's mean over components, predicted states and trajectories",
    False, math.inf, ".3g", root=True,
)  # fmt: skip


@dataclass(frozen=True)
class Predictions:
    """What a model says of the clips named by ``ids``: numbers (n, ...) by column."""

    values: Mapping[str, Tensor]
    ids: list[str]

    names: ClassVar[tuple[str, ...]]
    """The columns."""

    @classmethod
    def of(cls, ids: list[str], columns: Mapping[str, Any]) -> Self:
        """The predictions in a table that may have further columns."""
        return cls({name: torch.as_tensor(columns[name]) for name in cls.names}, ids)

    def metrics(self) -> dict[str, float]:
        """Means over clips by name."""
        raise NotImplementedError(f"{type(self).__name__} must define metrics()")

    def columns(self) -> dict[str, list[Any]]:
        """What is kept of every clip, from which :meth:`of` makes the predictions again."""
        return {name: values.tolist() for name, values in self.values.items()}


class Task(Protocol):
    """One kind of training. Clips are (b, t, c, h, w), labels (b, ...)."""

    metric: ClassVar[Metric]
    """The metric that selects."""
    kind: ClassVar[type[Predictions]]
    """What an evaluation gives."""

    def under(self, actions: Tensor) -> "Task":
        """The task of a batch on which ``actions`` (b, t, a) act; a task that has no use for them stays as it is."""
        return self

    def inputs(self, clips: Tensor) -> tuple[Any, ...]:
        """What the model is called with."""

    def loss(self, model: nn.Module, clips: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """The loss (a mean over clips) and the sum of the metric over clips."""

    def evaluate(self, model: nn.Module, clips: Tensor, labels: Tensor) -> Mapping[str, Tensor]:
        """What is kept of a batch, by column."""

    def examples(self, model: nn.Module, clips: Tensor) -> dict[str, Tensor]:
        """Pictures of a few clips by name, as grey levels; empty where numbers say everything."""
        return {}


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
