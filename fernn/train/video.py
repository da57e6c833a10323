"""Video prediction as a task: a balance of l1 and l2, scheduled sampling, and the metrics of its literature."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fernn.train.prediction import Prediction
from fernn.train.task import Metric, Predictions

VIDEO_ERROR = Metric(
    "mse", "error (MSE per frame)", "squared error, summed over a frame's pixels, mean over predicted frames and clips",
    False, float("inf"), ".4g",
)  # fmt: skip
"""The squared error summed over the pixels of a frame, as the literature on Moving MNIST has it."""


class FrameScores(Predictions):
    """Of every predicted frame (n, horizon): "mse", summed over its pixels, "ssim" and "psnr".

    Predictions are cut off at 0 and 1. SSIM has a data range of 1 and a Gaussian window of 11 pixels (sigma 1.5),
    the border reflected; PSNR is in dB, of a peak of 1.
    """

    names = ("mse", "ssim", "psnr")

    def metrics(self) -> dict[str, float]:
        """Means over frames and clips."""
        return {name: values.double().mean().item() for name, values in self.values.items()}


@dataclass(frozen=True)
class VideoPrediction(Prediction):
    """The first frames to those that follow, by a weighted sum of absolute and of squared errors.

    The loss of a clip is l1_weight * sum |e| + l2_weight / 2 * sum e^2, see :class:`fernn.config.video.VideoConfig`
    for ``l2_root``. A network that can be shown true frames while it predicts, by a method as
    :meth:`fernn.models.e3d_lstm.E3DLSTM.forced`, learns every frame but the first; any other learns those beyond the
    given ones. A clip's label says which true frames beyond the given ones a training step shows.
    """

    l1_weight: float = 1.0
    l2_weight: float = 1.0
    l2_root: bool = False

    metric, kind = VIDEO_ERROR, FrameScores

    def loss(self, model: nn.Module, clips: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        if (forced := getattr(model, "forced", None)) is not None:
            given = torch.ones(clips.shape[0], self.input_frames, dtype=torch.bool, device=clips.device)
            predicted, truth = forced(clips, torch.cat([given, labels.bool()], dim=1)), clips[:, 1:]
        else:
            predicted, truth = self.taught(model, clips), self.truth(clips)
        errors, horizon = predicted.float() - truth, clips.shape[1] - self.input_frames
        squares = errors.square().sum()
        loss = self.l1_weight * errors.abs().sum() + self.l2_weight * (squares.sqrt() if self.l2_root else squares / 2)
        seen = (predicted.detach().float().clamp(0, 1) - truth)[:, -horizon:]
        return loss / len(clips), seen.square().sum() / horizon

    def scores(self, predicted: Tensor, truth: Tensor) -> dict[str, Tensor]:
        from torchmetrics.functional.image import (  # which takes seconds to import
            peak_signal_noise_ratio,
            structural_similarity_index_measure,
        )

        ours, true = predicted.float().clamp(0, 1).flatten(0, 1), truth.float().flatten(0, 1)
        ssim = structural_similarity_index_measure(ours, true, data_range=1.0, reduction="none")
        psnr = peak_signal_noise_ratio(ours, true, data_range=1.0, dim=(1, 2, 3), reduction="none")
        assert isinstance(ssim, Tensor)
        scores = {"mse": (ours - true).square().sum(dim=(1, 2, 3)), "ssim": ssim, "psnr": psnr}
        return {name: values.view(predicted.shape[:2]) for name, values in scores.items()}
