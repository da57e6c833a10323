"""What a model is trained for: the loss, the metric that selects, and what is kept of an evaluation."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fernn.config import DataConfig, DigitsConfig, FieldsConfig, RampConfig, SystemConfig, VideoConfig
from fernn.metrics.classification import accuracy, cross_entropy


@dataclass(frozen=True)
class Metric:
    """The number by which epochs and learning rates are chosen."""

    name: str
    title: str
    """The name in a sentence."""
    definition: str
    """What it is, in words."""
    higher_is_better: bool
    worst: float
    """What a cell that diverged counts with."""
    form: str = ".3f"
    """How a value is written in tables."""
    root: bool = False
    """Whether it is the root of the mean of what is summed over clips."""

    def of_mean(self, mean: float) -> float:
        """The metric of clips, from the mean over them of what :meth:`Task.loss` sums."""
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


class Predictions(Protocol):
    """What a model says of clips."""

    @property
    def ids(self) -> list[str]:
        """The clips' names."""

    def metrics(self) -> dict[str, float]:
        """Means over clips by name."""

    def columns(self) -> dict[str, list[Any]]:
        """What is kept of every clip, from which :meth:`Task.predictions` makes the predictions again."""


class Task(Protocol):
    """One kind of training."""

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
        """What is to be looked at of a few clips, by name; empty where numbers say it all."""


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


@dataclass(frozen=True)
class FrameErrors:
    """Mean squared error of every predicted frame (n, horizon) of the sequences named by ``ids``."""

    errors: Tensor
    ids: list[str]

    def metrics(self) -> dict[str, float]:
        """The mean over frames and sequences."""
        return {"mse": self.errors.double().mean().item()}

    def columns(self) -> dict[str, list[Any]]:
        return {"errors": self.errors.tolist()}


@dataclass(frozen=True)
class Prediction:
    """The first frames to those that follow, by mean squared error per pixel, without teacher forcing.

    Source: Keller, 2025, section 5.1.
    """

    input_frames: int

    metric = ERROR

    def inputs(self, clips: Tensor) -> tuple[Tensor, int]:
        """The given frames, and how many are to be predicted."""
        return clips[:, : self.input_frames], clips.shape[1] - self.input_frames

    def loss(self, model: nn.Module, clips: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        loss = F.mse_loss(model(*self.inputs(clips)).float(), clips[:, self.input_frames :])
        return loss, loss.detach() * len(clips)

    def evaluate(self, model: nn.Module, clips: Tensor, labels: Tensor) -> Mapping[str, Tensor]:
        errors = model(*self.inputs(clips)).float() - clips[:, self.input_frames :]
        return {"errors": errors.square().mean(dim=(-3, -2, -1))}

    def predictions(self, ids: list[str], columns: Mapping[str, Any]) -> FrameErrors:
        return FrameErrors(torch.as_tensor(columns["errors"]), ids)

    def examples(self, model: nn.Module, clips: Tensor) -> dict[str, Tensor]:
        """ "clips" (n, t, c, h, w) and the "predicted" last of their frames, as grey levels."""
        predicted = model(*self.inputs(clips)).float()
        return {name: to_grey(frames) for name, frames in (("clips", clips), ("predicted", predicted))}


def to_grey(frames: Tensor) -> Tensor:
    """Frames in [0, 1] as grey levels from 0 to 255; what is beyond is cut off."""
    return (frames.clamp(0, 1) * 255).round().to(torch.uint8)


def task_of(data: DataConfig) -> Task:
    """The task that the data is for."""
    if isinstance(data, DigitsConfig):
        return Prediction(data.input_frames)
    if isinstance(data, VideoConfig):
        from fernn.train.video import VideoPrediction  # which imports what a metric is from here

        return VideoPrediction(data)
    if isinstance(data, FieldsConfig):
        from fernn.train.fields import FieldPrediction  # which imports what a metric is from here

        return FieldPrediction(data.input_frames)
    if isinstance(data, RampConfig | SystemConfig):
        from fernn.train.conserved import StatePrediction, StochasticPrediction  # which import what a metric is

        kind = StochasticPrediction if isinstance(data, RampConfig) else StatePrediction
        return kind(data.input_frames)
    return Classification()
