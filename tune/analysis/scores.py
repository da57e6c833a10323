"""Scores of predicted velocity fields and videos, from stored predictions."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from fernn.train.fields import FieldScores
from fernn.train.video import FrameScores
from tune.analysis.results import ModelRow, seed_predictions
from tune.core.study import Study

Fields = Mapping[str, Sequence[FieldScores]]
"""By row: the test scores of each seed."""
Curves = Mapping[str, Mapping[str, NDArray[np.float64]]]
"""By row and score: the mean over test clips (seeds, horizon)."""
TITLES = {"mse": "MSE, summed over pixels", "psnr": "PSNR (dB)", "ssim": "SSIM"}


def field_scores(study: Study, rows: Sequence[ModelRow]) -> Fields:
    """The scores of each row's chosen seeds; empty where the study does not predict velocity fields."""
    by_row = {row.label: [one for one in seed_predictions(study, row) if isinstance(one, FieldScores)] for row in rows}
    return {label: scores for label, scores in by_row.items() if scores}


def frame_curves(study: Study, rows: Sequence[ModelRow]) -> Curves:
    """The scores of each row's chosen seeds; empty where the study does not predict videos."""
    curves: dict[str, dict[str, NDArray[np.float64]]] = {}
    for row in rows:
        scores = [seed.curves() for seed in seed_predictions(study, row) if isinstance(seed, FrameScores)]
        if scores:
            curves[row.label] = {
                name: np.stack([score[name].double().mean(dim=0).numpy() for score in scores]) for name in TITLES
            }
    return curves
