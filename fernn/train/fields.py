"""Prediction of velocity fields as a task: a loss over a rollout, RMSE by horizon, energy spectra, shifted tests.

Fields (b, t, c, h, w) have the components (u, v), or (u, v, T) with a temperature T.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fernn.config import FieldsConfig
from fernn.flows.field_symmetries import PARAMETERS, SHIFTS
from fernn.train.prediction import Prediction, to_grey
from fernn.train.task import RMSE, Predictions

SMALLEST = 1e-30
"""Of an energy whose logarithm is taken: a prediction that stands still has none."""
DOMAIN = "domain"
SHIFTED = ("errors", "spectrum_error")
APART = ("velocity_errors", "temperature_errors")
FIELD_ERROR = replace(
    RMSE,
    definition="root of the squared error's mean over components, pixels, predicted frames and windows, but for those "
    "of the domain test",
)


class FieldScores(Predictions):
    """Scores of windows.

    "errors" (n, horizon): mean squared error of every predicted frame; "spectrum", "true_spectrum" (n, bins): log10
    of the energy spectra; "spectrum_error" (n,): their mean squared difference, ESE is the root of its mean; "domain"
    (n,): whether a window is of the domain test. Of every shift "um_errors" and "um_spectrum_error" likewise, not a
    number where no shift was asked for.
    """

    shifted: ClassVar[tuple[str, ...]] = SHIFTED
    """The scores that shifted windows have, too."""
    names = (
        "errors", "spectrum", "true_spectrum", "spectrum_error", DOMAIN,
        *(f"{shift}_{score}" for shift in SHIFTS for score in SHIFTED),
    )  # fmt: skip

    @property
    def errors(self) -> Tensor:
        """Mean squared errors (n, horizon) outside the domain test."""
        return self.values["errors"][~self.is_domain]

    @property
    def is_domain(self) -> Tensor:
        """Which windows (n,) are of the domain test."""
        return self.values[DOMAIN] > 0

    def metrics(self) -> dict[str, float]:
        """RMSE, the root of the mean squared error over everything, and ESE: as they are, and shifted."""
        inside = ~self.is_domain
        metrics = self._scores("", inside)
        if self.is_domain.any():
            metrics |= {f"{DOMAIN}_{name}": value for name, value in self._scores("", self.is_domain).items()}
        for shift in SHIFTS:
            if self.values[f"{shift}_errors"][inside].isfinite().any():
                metrics |= {f"{shift}_{name}": value for name, value in self._scores(f"{shift}_", inside).items()}
        return metrics

    def _scores(self, prefix: str, chosen: Tensor) -> dict[str, float]:
        errors, spectra = self.values[f"{prefix}errors"][chosen], self.values[f"{prefix}spectrum_error"][chosen]
        return {"rmse": errors.double().mean().sqrt().item(), "ese": spectra.double().mean().sqrt().item()}

    def rmse_by_horizon(self) -> Tensor:
        """RMSE (horizon,) of every predicted frame, outside the domain test."""
        return self.errors.double().mean(dim=0).sqrt()


class TemperatureScores(FieldScores):
    """Scores of windows with a temperature, of which "errors" are over all components.

    "velocity_errors" (n, horizon), m^2/s^2, and "temperature_errors" (n, horizon), K^2, are those of each apart.
    """

    shifted = (*FieldScores.shifted, *APART)
    names = (*FieldScores.names, *APART, *(f"{shift}_{score}" for shift in SHIFTS for score in APART))

    def _scores(self, prefix: str, chosen: Tensor) -> dict[str, float]:
        apart = {name: self.values[f"{prefix}{name}"][chosen].double().mean().sqrt().item() for name in APART}
        return super()._scores(prefix, chosen) | {
            name.replace("errors", "rmse"): value for name, value in apart.items()
        }


@dataclass(frozen=True)
class FieldPrediction(Prediction):
    """The first frames to those that follow, each prediction an input of the next.

    The loss is the sum over the model's ``output_length`` steps (over all, for a model without one) of the mean
    squared error. Labels (b, 6) of test windows hold the parameters of their shifts, and whether they are of the
    domain test; windows of validation have labels (b, 0). Source: Wang, Walters and Yu, ICLR 2021, section 5 and the
    published code.
    """

    validation_steps: Literal["horizon", "loss"] = "horizon"
    """See :class:`fernn.config.FieldsConfig`."""

    metric = FIELD_ERROR
    kind: ClassVar[type[FieldScores]] = FieldScores

    def loss(self, model: nn.Module, clips: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        augmentation = getattr(model, "augmentation", "")
        if augmentation and labels.ndim == 2:  # blank clips, of which a cost is estimated, have labels (b,)
            clips = SHIFTS[augmentation](clips, labels[:, : len(PARAMETERS)].float())
        clips = self._as_far_as_the_loss(model, clips)
        loss = F.mse_loss(self.predicted(model, clips, labels), self.truth(clips))
        return loss * self.inputs(clips)[1], loss.detach() * len(clips)

    def _as_far_as_the_loss(self, model: nn.Module, clips: Tensor) -> Tensor:
        """The clips up to the last frame that the loss reads."""
        _, horizon = self.inputs(clips)
        steps = getattr(model, "output_length", horizon)
        if steps > horizon:
            raise ValueError(f"model.output_length must be at most the {horizon} frames to predict, got {steps}")
        return clips[:, : self.input_frames + steps]

    def evaluate(self, model: nn.Module, clips: Tensor, labels: Tensor) -> Mapping[str, Tensor]:
        """The scores of the windows and of their shifts; those of shifts are not numbers where labels are (b, 0)."""
        is_shifted = labels.ndim == 2 and labels.shape[1] > 0
        if self.validation_steps == "loss" and not is_shifted:
            clips = self._as_far_as_the_loss(model, clips)
        columns = dict(super().evaluate(model, clips, labels))
        columns[DOMAIN] = labels[:, -1].float() if is_shifted else torch.zeros(len(clips), device=clips.device)
        for name, shift in SHIFTS.items():
            if is_shifted:
                scores = super().evaluate(model, shift(clips, labels[:, : len(PARAMETERS)].float()), labels)
            else:
                scores = {column: torch.full_like(columns[column], torch.nan) for column in self.kind.shifted}
            columns |= {f"{name}_{column}": scores[column] for column in self.kind.shifted}
        return columns

    def scores(self, predicted: Tensor, truth: Tensor) -> dict[str, Tensor]:
        spectra = log_spectrum(predicted), log_spectrum(truth.float())
        return super().scores(predicted, truth.float()) | {
            "spectrum": spectra[0].float(),
            "true_spectrum": spectra[1].float(),
            "spectrum_error": (spectra[0] - spectra[1]).square().mean(dim=1).float(),
        }

    def examples(self, model: nn.Module, clips: Tensor) -> dict[str, Tensor]:
        """The speed |w| of "clips" (n, t, 1, h, w) and of the "predicted" last of their frames, as grey levels.

        255 is the largest speed of a clip's true frames.
        """
        predicted = model(*self.inputs(clips)).float()
        true, ours = (frames[:, :, :2].float().norm(dim=2, keepdim=True) for frames in (clips, predicted))
        largest = true.amax(dim=(1, 2, 3, 4), keepdim=True).clamp_min(1e-12)
        return {"clips": to_grey(true / largest), "predicted": to_grey(ours / largest)}


@dataclass(frozen=True)
class TemperaturePrediction(FieldPrediction):
    """Of fields (u, v, T): the loss is over all three, T in units of ``kelvin``, and errors are of each apart too."""

    kelvin: float = 1.0
    kind = TemperatureScores

    def scores(self, predicted: Tensor, truth: Tensor) -> dict[str, Tensor]:
        errors = (predicted - truth.float()).square().mean(dim=(-2, -1))
        apart = errors[..., :2].mean(dim=-1), errors[..., 2] * self.kelvin**2
        return super().scores(predicted, truth) | dict(zip(APART, apart, strict=True))


def field_prediction(data: FieldsConfig) -> FieldPrediction:
    """The task of fields with the components that the data has."""
    options = data.input_frames, data.validation_steps
    return FieldPrediction(*options) if data.kelvin is None else TemperaturePrediction(*options, data.kelvin)


def log_spectrum(fields: Tensor) -> Tensor:
    """log10 of the energy spectrum (b, bins) of fields (b, t, c, h, w), h = w.

    The spectrum is |FFT of the turbulent kinetic energy|^2, the energy being (Var u + Var v) / 2 over time, averaged
    over rings of one pixel around the picture's middle ((n - 1) / 2, half a pixel off the zero frequency, as
    published). The innermost ring and the outermost one are left out: 43 rings for 64 x 64 pixels.
    """
    energy = fields[:, :, :2].double().var(dim=1, correction=0).mean(dim=1)
    power = torch.fft.fftshift(torch.fft.fft2(energy), dim=(-2, -1)).abs().square()
    rings = ring_of(power.shape[-1]).to(power.device).flatten()
    sums = power.new_zeros(len(power), int(rings.max()) + 1).index_add_(1, rings, power.flatten(1))
    means = sums / torch.bincount(rings)
    return means[:, 1:-1].clamp_min(SMALLEST).log10()


def ring_of(size: int) -> Tensor:
    """The ring (size, size) of every pixel: its distance to the middle, cut off to a whole number."""
    offsets = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    return torch.hypot(offsets[:, None], offsets[None]).long()
