"""Scores of predicted videos by frame: MSE, PSNR and SSIM, over a row's seeds, as numbers and as a picture."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fernn.train.video import FrameScores
from tune.analysis.plotting import blank_figure, marks
from tune.analysis.results import ModelRow, test_predictions
from tune.core.study import Study

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


def curves_words(curves: Curves) -> str:
    """What the picture shows, for those who do not see it."""
    each = [
        f"{label}: " + ", ".join(f"{name} {values.mean(axis=0)[0]:.3g} to {values.mean(axis=0)[-1]:.3g}")
        for label, scores in curves.items()
        for name, values in scores.items()
    ]
    return f"Test scores by predicted frame, from the first to the last, means over seeds. {'; '.join(each)}."


def scores_figure(study: Study, curves: Curves) -> Figure:
    """One picture a score: the mean over seeds by predicted frame, its band the deviation over seeds."""
    figure = blank_figure(11, 3.8)
    for axes, (name, title) in zip(figure.subplots(1, len(TITLES)), TITLES.items(), strict=True):
        for label, scores in curves.items():
            _draw(axes, label, scores[name])
        axes.set(xlabel="predicted frame", ylabel=title)
        axes.grid(alpha=0.3)
    figure.axes[0].legend()
    title = f"{study.name}: test clips; band: sample standard deviation over seeds"
    figure.suptitle("\n".join([title, *marks(study)]), fontsize=10)
    return figure


def _draw(axes: object, label: str, values: NDArray[np.float64]) -> None:
    frames, mean = range(1, values.shape[1] + 1), values.mean(axis=0)
    (line,) = axes.plot(frames, mean, marker="o", markersize=3, label=label)  # type: ignore[attr-defined]
    if len(values) > 1:
        spread = values.std(axis=0, ddof=1)
        axes.fill_between(frames, mean - spread, mean + spread, color=line.get_color(), alpha=0.2)  # type: ignore[attr-defined]
