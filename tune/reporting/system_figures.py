"""Figures of one kind of study: validation curves, errors of fields and their spectra, scores of videos."""

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.figure import Figure

from fernn.train.fields import FieldScores
from fernn.train.metric import ACCURACY
from tune.analysis.plotting import blank_figure, draw_band, marks, spread_over
from tune.analysis.results import ModelRow
from tune.analysis.scores import TITLES, Curves, scores_of
from tune.core.study import Study

Scores = dict[str, list[FieldScores]]


def field_scores(study: Study, rows: Sequence[ModelRow]) -> Scores:
    """Every row's test scores, one for each seed; empty for a study of something else."""
    found = {row.label: scores_of(study, row) for row in rows}
    return {label: scores for label, scores in found.items() if scores}


def horizon_figure(study: Study, found: Scores) -> Figure:
    """RMSE of every predicted frame, mean over seeds, band: sample standard deviation."""
    figure = blank_figure(6, 4)
    axes = figure.add_subplot()
    for label, scores in found.items():
        curves = torch.stack([one.rmse_by_horizon() for one in scores])
        steps, mean, spread = range(1, curves.shape[1] + 1), curves.mean(dim=0), spread_over(curves)
        draw_band(axes, steps, mean, spread, label=f"{label} (n = {len(curves)})", marker="o", markersize=3)
    axes.set(xlabel="predicted frame", ylabel="RMSE", ylim=(0, None))
    return _finished(figure, study, "test windows later in time")


def spectra_figure(study: Study, found: Scores) -> Figure:
    """log10 of the energy spectrum by ring, mean over test windows and seeds, and the true one."""
    figure = blank_figure(6, 4)
    axes = figure.add_subplot()
    truth = next(iter(found.values()))[0]
    lines = {"truth": truth.values["true_spectrum"][~truth.is_domain].mean(dim=0)}
    for label, scores in found.items():
        lines[label] = torch.stack([one.values["spectrum"][~one.is_domain].mean(dim=0) for one in scores]).mean(dim=0)
    for label, line in lines.items():
        color, style = ("black", "--") if label == "truth" else (None, "-")
        axes.plot(range(1, len(line) + 1), line, label=label, color=color, linestyle=style)
    axes.set(xlabel="ring (cycles across the tile)", ylabel="log10 of the energy spectrum")
    return _finished(figure, study, "turbulent kinetic energy of the predicted frames")


def _finished(figure: Figure, study: Study, what: str) -> Figure:
    figure.axes[0].grid(alpha=0.3)
    figure.axes[0].legend()
    figure.suptitle("\n".join([f"{study.name}: {what}", *marks(study)]), fontsize=10)
    return figure


def validation_figure(study: Study, rows: Sequence[ModelRow]) -> Figure:
    """The validation metric by epoch of each row's chosen learning rate, its band the deviation over seeds."""
    metric, figure = study.metric, blank_figure(7, 4.6)
    axes = figure.add_subplot()
    for row in rows:
        values = seeds_by_epoch(study, row)
        epochs, mean = range(1, values.shape[1] + 1), values.mean(axis=0)
        name = f"{row.label}, lr {row.lr:g} (n = {len(values)})"
        floor = -np.inf if metric == ACCURACY else values.min() / 2
        draw_band(axes, epochs, mean, spread_over(values), floor, label=name, marker="o", markersize=3)
    axes.set(xlabel="epoch", ylabel=f"validation {metric.title}", yscale="linear" if metric == ACCURACY else "log")
    axes.grid(alpha=0.3)
    axes.legend()
    title = [f"{study.name}; band: sample standard deviation over seeds", *marks(study)]
    figure.suptitle("\n".join(title), fontsize=10)
    return figure


def seeds_by_epoch(study: Study, row: ModelRow) -> np.ndarray:
    """The validation metric (seeds, epochs), as far as all seeds came."""
    name = f"validation/{study.metric.name}"
    lines = [[epoch[name] for epoch in study.cell_folder(one.cell).history()] for one in row.chosen]
    shortest = min(map(len, lines))
    return np.array([line[:shortest] for line in lines])


def curves_words(curves: Curves) -> str:
    """What the figure shows, for those who do not see it."""
    each = [
        f"{label}: " + ", ".join(f"{name} {values.mean(axis=0)[0]:.3g} to {values.mean(axis=0)[-1]:.3g}")
        for label, scores in curves.items()
        for name, values in scores.items()
    ]
    return f"Test scores by predicted frame, from the first to the last, means over seeds. {'; '.join(each)}."


def scores_figure(study: Study, curves: Curves) -> Figure:
    """One panel a score: the mean over seeds by predicted frame, its band the deviation over seeds."""
    figure = blank_figure(11, 3.8)
    for axes, (name, title) in zip(figure.subplots(1, len(TITLES)), TITLES.items(), strict=True):
        for label, scores in curves.items():
            values = scores[name]
            frames, mean = range(1, values.shape[1] + 1), values.mean(axis=0)
            draw_band(axes, frames, mean, spread_over(values), label=label, marker="o", markersize=3)
        axes.set(xlabel="predicted frame", ylabel=title)
        axes.grid(alpha=0.3)
    figure.axes[0].legend()
    title = f"{study.name}: test clips; band: sample standard deviation over seeds"
    figure.suptitle("\n".join([title, *marks(study)]), fontsize=10)
    return figure
