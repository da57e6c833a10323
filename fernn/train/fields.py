"""Prediction of velocity fields as a task: a loss over a rollout, RMSE by horizon, energy spectra, shifted tests."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fernn.flows.field_symmetries import PARAMETERS, SHIFTS
from fernn.metrics.energy_spectrum import log_spectrum, spectrum_error
from fernn.train.metric import RMSE
from fernn.train.prediction import Prediction, to_grey

DOMAIN = "domain"
SHIFTED = ("errors", "spectrum_error")
"""The scores that shifted windows have, too."""
FIELD_ERROR = replace(
    RMSE,
    definition="root of the squared error's mean over components, pixels, predicted frames and windows, but for those "
    "of the domain test",
)


@dataclass(frozen=True)
class FieldScores:
    """Scores of the windows named by ``ids``, by name.

    "errors" (n, horizon): mean squared error of every predicted frame; "spectrum", "true_spectrum" (n, bins): log10
    of the energy spectra; "spectrum_error" (n,); "domain" (n,): whether a window is of the domain test. Of every
    shift "um_errors" and "um_spectrum_error" likewise, not a number where no shift was asked for.
    """

    values: Mapping[str, Tensor]
    ids: list[str]

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
        found = self._scores("", inside)
        if self.is_domain.any():
            found |= {f"{DOMAIN}_{name}": value for name, value in self._scores("", self.is_domain).items()}
        for shift in SHIFTS:
            if self.values[f"{shift}_errors"][inside].isfinite().any():
                found |= {f"{shift}_{name}": value for name, value in self._scores(f"{shift}_", inside).items()}
        return found

    def _scores(self, prefix: str, chosen: Tensor) -> dict[str, float]:
        errors, spectra = self.values[f"{prefix}errors"][chosen], self.values[f"{prefix}spectrum_error"][chosen]
        return {"rmse": errors.double().mean().sqrt().item(), "ese": spectra.double().mean().sqrt().item()}

    def rmse_by_horizon(self) -> Tensor:
        """RMSE (horizon,) of every predicted frame, outside the domain test."""
        return self.errors.double().mean(dim=0).sqrt()

    def columns(self) -> dict[str, list[Any]]:
        return {name: values.tolist() for name, values in self.values.items()}


@dataclass(frozen=True)
class FieldPrediction(Prediction):
    """The first frames to those that follow, each prediction an input of the next.

    The loss is the sum over the model's ``output_length`` steps (over all, for a model without one) of the mean
    squared error. Labels (b, 6) of test windows hold the parameters of their shifts, and whether they are of the
    domain test; other windows have labels (b, 0). Source: Wang, Walters and Yu, ICLR 2021, section 5 and the published
    code.
    """

    metric = FIELD_ERROR

    def loss(self, model: nn.Module, clips: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        frames, horizon = self.inputs(clips)
        steps = getattr(model, "output_length", horizon)
        if steps > horizon:
            raise ValueError(f"model.output_length must be at most the {horizon} frames to predict, got {steps}")
        loss = F.mse_loss(model(frames, steps).float(), self.truth(clips)[:, :steps])
        return loss * steps, loss.detach() * len(clips)

    def evaluate(self, model: nn.Module, clips: Tensor, labels: Tensor) -> Mapping[str, Tensor]:
        """The scores of the windows and of their shifts; those of shifts are not numbers where labels are (b, 0)."""
        is_shifted = labels.ndim == 2 and labels.shape[1] > 0
        found = dict(super().evaluate(model, clips, labels))
        found[DOMAIN] = labels[:, -1].float() if is_shifted else torch.zeros(len(clips), device=clips.device)
        for name, shift in SHIFTS.items():
            if is_shifted:
                scores = super().evaluate(model, shift(clips, labels[:, : len(PARAMETERS)].float()), labels)
            else:
                scores = {column: torch.full_like(found[column], torch.nan) for column in SHIFTED}
            found |= {f"{name}_{column}": scores[column] for column in SHIFTED}
        return found

    def scores(self, predicted: Tensor, truth: Tensor) -> dict[str, Tensor]:
        spectra = log_spectrum(predicted), log_spectrum(truth.float())
        return super().scores(predicted, truth.float()) | {
            "spectrum": spectra[0].float(),
            "true_spectrum": spectra[1].float(),
            "spectrum_error": spectrum_error(*spectra).float(),
        }

    def predictions(self, ids: list[str], columns: Mapping[str, Any]) -> FieldScores:
        names = [name for name in columns if name not in ("split", "id")]
        return FieldScores({name: torch.as_tensor(columns[name]) for name in names}, ids)

    def examples(self, model: nn.Module, clips: Tensor) -> dict[str, Tensor]:
        """The speed |w| of "clips" (n, t, 1, h, w) and of the "predicted" last of their frames, as grey levels.

        255 is the largest speed of a clip's true frames.
        """
        predicted = model(*self.inputs(clips)).float()
        true, ours = (frames.float().norm(dim=2, keepdim=True) for frames in (clips, predicted))
        largest = true.amax(dim=(1, 2, 3, 4), keepdim=True).clamp_min(1e-12)
        return {"clips": to_grey(true / largest), "predicted": to_grey(ours / largest)}
