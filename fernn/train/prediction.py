"""Prediction of the frames that follow the first ones as a task."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fernn.train.task import ERROR, Predictions, Task


class FrameErrors(Predictions):
    """ "errors" (n, horizon): the mean squared error of every predicted frame."""

    names: ClassVar[tuple[str, ...]] = ("errors",)

    @property
    def errors(self) -> Tensor:
        """The mean squared errors (n, horizon)."""
        return self.values["errors"]

    def metrics(self) -> dict[str, float]:
        """The mean over frames and sequences."""
        return {"mse": self.errors.double().mean().item()}


@dataclass(frozen=True)
class Prediction(Task):
    """The first frames to those that follow, by mean squared error per pixel.

    Other kinds of prediction derive from it. Source: Keller, 2025, section 5.1.
    """

    input_frames: int
    """Frames that are given; all others of a clip are predicted."""

    metric = ERROR
    kind: ClassVar[type[Predictions]] = FrameErrors

    def inputs(self, clips: Tensor) -> tuple[Tensor, int]:
        """The given frames, and how many are to be predicted."""
        return clips[:, : self.input_frames], clips.shape[1] - self.input_frames

    def truth(self, clips: Tensor) -> Tensor:
        """The true frames (b, horizon, c, h, w) that are to be predicted."""
        return clips[:, self.input_frames :]

    def predicted(self, model: nn.Module, clips: Tensor, labels: Tensor) -> Tensor:
        """The frames (b, horizon, c, h, w) that the model predicts, in float32."""
        return model(*self.inputs(clips)).float()

    def taught(self, model: nn.Module, clips: Tensor) -> Tensor:
        """As :meth:`predicted`, by a model that may read true frames while it trains (its ``teacher_forcing``)."""
        truth = [self.truth(clips)] if getattr(model, "teacher_forcing", 0.0) else []
        return model(*self.inputs(clips), *truth).float()

    def loss(self, model: nn.Module, clips: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        loss = F.mse_loss(self.taught(model, clips), self.truth(clips))
        return loss, loss.detach() * len(clips)

    def evaluate(self, model: nn.Module, clips: Tensor, labels: Tensor) -> Mapping[str, Tensor]:
        return self.scores(self.predicted(model, clips, labels), self.truth(clips))

    def scores(self, predicted: Tensor, truth: Tensor) -> dict[str, Tensor]:
        """What is kept of predicted and true frames (b, horizon, c, h, w), by column."""
        return {"errors": (predicted - truth).square().mean(dim=(-3, -2, -1))}

    def examples(self, model: nn.Module, clips: Tensor) -> dict[str, Tensor]:
        """ "clips" (n, t, c, h, w) and the "predicted" last of their frames, as grey levels."""
        predicted = self.predicted(model, clips, torch.arange(len(clips)))
        return {"clips": to_grey(clips), "predicted": to_grey(predicted)}


def to_grey(frames: Tensor) -> Tensor:
    """Frames in [0, 1] as grey levels from 0 to 255; values beyond [0, 1] are cut off."""
    return (frames.clamp(0, 1) * 255).round().to(torch.uint8)
