"""What a model is trained for: the loss, the metric that selects, and what is kept of an evaluation."""

from collections.abc import Mapping
from typing import Any, Protocol

from torch import Tensor, nn

from fernn.train.metric import Metric


class Predictions(Protocol):
    """What a model says of clips."""

    @property
    def ids(self) -> list[str]:
        """The clips' names."""

    def metrics(self) -> dict[str, float]:
        """Means over clips by name."""

    def columns(self) -> dict[str, list[Any]]:
        """What is kept of every clip; :meth:`Task.predictions` makes the predictions from it."""


class Task(Protocol):
    """One kind of training. Clips are (b, t, c, h, w), labels (b, ...)."""

    @property
    def metric(self) -> Metric:
        """The metric that selects."""

    def inputs(self, clips: Tensor) -> tuple[Any, ...]:
        """What the model is called with."""

    def loss(self, model: nn.Module, clips: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """The loss (a mean over clips) and the sum of the metric over clips."""

    def evaluate(self, model: nn.Module, clips: Tensor, labels: Tensor) -> Mapping[str, Tensor]:
        """What is kept of a batch, by column."""

    def predictions(self, ids: list[str], columns: Mapping[str, Any]) -> Predictions:
        """Predictions from what was kept."""

    def examples(self, model: nn.Module, clips: Tensor) -> dict[str, Tensor]:
        """Pictures of a few clips by name, as grey levels; empty where numbers say everything."""
