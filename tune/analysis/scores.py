"""Scores of predicted velocity fields and videos, from stored predictions."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from fernn.train.fields import FieldScores
from fernn.train.video import FrameScores
from tune.analysis.results import ModelRow, test_predictions
from tune.core.study import Study


def scores_of(study: Study, row: ModelRow) -> list[FieldScores]:
    """What each seed of the row's chosen learning rate says of the test windows; empty for other predictions."""
    found = [test_predictions(one.cell, study.cell_folder(one.cell)) for one in row.chosen]
    return [one for one in found if isinstance(one, FieldScores)]


Curves = Mapping[str, Mapping[str, NDArray[np.float64]]]
"""By row and score: the mean over test clips (seeds, horizon)."""


TITLES = {"mse": "MSE, summed over pixels", "psnr": "PSNR (dB)", "ssim": "SSIM"}


def frame_curves(study: Study, rows: Sequence[ModelRow]) -> Curves:
    """The scores of each row's chosen seeds; empty where the study does not predict videos."""
    found: dict[str, dict[str, NDArray[np.float64]]] = {}
    for row in rows:
        seeds = [test_predictions(one.cell, study.cell_folder(one.cell)) for one in row.chosen]
        scores = [seed.curves() for seed in seeds if isinstance(seed, FrameScores)]
        if scores:
            found[row.label] = {
                name: np.stack([score[name].double().mean(dim=0).numpy() for score in scores]) for name in TITLES
            }
    return found
