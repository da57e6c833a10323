"""Figures of scores: validation curves, errors of velocity fields and their spectra, scores of videos."""

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.figure import Figure

from fernn.train.task import ACCURACY
from tune.analysis.plotting import blank_figure, draw_seeds, finish_axes, one_panel, titled
from tune.analysis.results import TITLES, Curves, Fields, ModelRow
from tune.core.study import Study


def horizon_figure(study: Study, fields: Fields) -> Figure:
    """RMSE of every predicted frame, mean over seeds, band: sample standard deviation."""
    figure, axes = one_panel(6, 4)
    for label, scores in fields.items():
        curves = torch.stack([one.rmse_by_horizon() for one in scores])
        draw_seeds(axes, curves, label=f"{label} (n = {len(curves)})")
    finish_axes(axes, xlabel="predicted frame", ylabel="RMSE", ylim=(0, None))
    return titled(figure, study, "test windows later in time")


def spectra_figure(study: Study, fields: Fields) -> Figure:
    """log10 of the energy spectrum by ring, mean over test windows and seeds, and the true one."""
    figure, axes = one_panel(6, 4)
    truth = next(iter(fields.values()))[0]
    lines = {"truth": truth.values["true_spectrum"][~truth.is_domain].mean(dim=0)}
    for label, scores in fields.items():
        lines[label] = torch.stack([one.values["spectrum"][~one.is_domain].mean(dim=0) for one in scores]).mean(dim=0)
    for label, line in lines.items():
        color, style = ("black", "--") if label == "truth" else (None, "-")
        axes.plot(range(1, len(line) + 1), line, label=label, color=color, linestyle=style)
    finish_axes(axes, xlabel="ring (cycles across the tile)", ylabel="log10 of the energy spectrum")
    return titled(figure, study, "turbulent kinetic energy of the predicted frames")


def validation_figure(study: Study, rows: Sequence[ModelRow]) -> Figure:
    """The validation metric by epoch of each row's chosen learning rate, its band the deviation over seeds."""
    metric, (figure, axes) = study.metric, one_panel(7, 4.6)
    for row in rows:
        values = seeds_by_epoch(study, row)
        floor = -np.inf if metric == ACCURACY else values.min() / 2
        draw_seeds(axes, values, floor=floor, label=f"{row.label}, lr {row.lr:g} (n = {len(values)})")
    scale = "linear" if metric == ACCURACY else "log"
    finish_axes(axes, xlabel="epoch", ylabel=f"validation {metric.title}", yscale=scale)
    return titled(figure, study, "validation; band: sample standard deviation over seeds")


def seeds_by_epoch(study: Study, row: ModelRow) -> np.ndarray:
    """The validation metric (seeds, epochs), up to the last epoch that all seeds have."""
    name = f"validation/{study.metric.name}"
    lines = [[epoch[name] for epoch in study.cell_folder(one.cell).history()] for one in row.chosen]
    shortest = min(map(len, lines))
    return np.array([line[:shortest] for line in lines])


def scores_figure(study: Study, curves: Curves) -> Figure:
    """One plot for each score: the mean over seeds by predicted frame, its band the deviation over seeds."""
    figure = blank_figure(11, 3.8)
    for axes, (name, title) in zip(figure.subplots(1, len(TITLES)), TITLES.items(), strict=True):
        for label, scores in curves.items():
            draw_seeds(axes, scores[name], label=label)
        finish_axes(axes, legend=name == "mse", xlabel="predicted frame", ylabel=title)
    return titled(figure, study, "test clips; band: sample standard deviation over seeds")
