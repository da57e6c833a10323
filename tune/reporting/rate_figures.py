"""Figures of the searched fields: the validation metric by learning rate, and Optuna's importances and coordinates."""

from collections.abc import Iterator, Mapping, Sequence
from math import log10
from typing import Any

from matplotlib import colormaps
from matplotlib.figure import Figure
from optuna.trial import FrozenTrial

from fernn.train.task import ACCURACY, Metric
from tune.analysis.optuna_trials import finished_trials, importances
from tune.analysis.plotting import ReportFigure, draw_band, finish_axes, one_panel, titled
from tune.analysis.results import ModelRow
from tune.analysis.statistics import mean_and_deviation
from tune.core.study import RATE, Study


def rate_figures(study: Study, rows: Sequence[ModelRow]) -> Iterator[ReportFigure]:
    """The learning rates where a model has several, and the trials as Optuna shows them."""
    metric = study.metric
    if any(len(row.by_lr) > 1 for row in rows):
        means = {row.label: sorted(row.validation_by_lr.items()) for row in rows}
        texts = [
            f"{label}: {', '.join(f'{metric.text(mean)} at {lr:g}' for lr, mean in pairs)}"
            for label, pairs in means.items()
        ]
        words = f"Best validation {metric.title} by learning rate, means over seeds. {'; '.join(texts)}."
        yield ReportFigure("learning-rates", "Learning-rate sensitivity", words, rates_figure(study, rows))
    trials = finished_trials(study)
    if shares := importances(study, trials):
        words = ", ".join(f"{name} {share:.2f}" for name, share in shares.items())
        words = f"Share of the variance explained: {words}."
        yield ReportFigure("importances", "What matters", words, importances_figure(study, shares))
    if trials:
        values = [trial.value for trial in trials if trial.value is not None]
        low, high = metric.text(min(values)), metric.text(max(values))
        words = f"{len(trials)} pairs of model and learning rate, mean validation {metric.title} from {low} to {high}."
        figure = coordinates_figure(study, trials)
        yield ReportFigure("parallel-coordinates", "Models and learning rates", words, figure)


def rates_figure(study: Study, rows: Sequence[ModelRow]) -> Figure:
    """The best validation metric by learning rate, its deviation over seeds, and a ring around the chosen rate."""
    (figure, axes), metric = one_panel(), study.metric
    for row in rows:
        rates = sorted(row.by_lr)
        pairs = [mean_and_deviation([seed.validation for seed in row.by_lr[lr]]) for lr in rates]
        means, deviations = zip(*pairs, strict=True)
        floor = 0 if metric == ACCURACY else min(means) / 2
        line = draw_band(axes, means, deviations, places=rates, floor=floor, label=row.label)
        axes.plot(row.lr, row.validation, marker="o", markersize=13, fillstyle="none", color=line.get_color())
    axes.set(xscale="log")
    ticks = sorted({lr for row in rows for lr in row.by_lr})
    axes.set_xticks(ticks, [f"{lr:.3g}" for lr in ticks], rotation=30 if len(ticks) > 6 else 0)
    axes.minorticks_off()
    scale = "linear" if metric == ACCURACY else "log"
    finish_axes(axes, xlabel="learning rate", ylabel=f"best validation {metric.title}", yscale=scale)
    return titled(figure, study, "learning rates; band: sample standard deviation over seeds; ring: chosen")


def importances_figure(study: Study, shares: Mapping[str, float]) -> Figure:
    """A bar for each searched field."""
    figure, axes = one_panel(6.4, 1.5 + 0.5 * len(shares))
    names = list(shares)[::-1]
    bars = axes.barh(names, [shares[name] for name in names])
    axes.bar_label(bars, fmt="%.2f", padding=3)
    axes.set(xlabel="share of the variance (fANOVA)", xlim=(0, 1.12))
    return titled(figure, study, f"what validation {study.metric.title} depends on")


Column = tuple[Sequence[float], Mapping[float, str]]
"""Of one coordinate: the height of each line, from 0 to 1, and the labels by height."""


def coordinates_figure(study: Study, trials: Sequence[FrozenTrial]) -> Figure:
    """Parallel coordinates: a line for each model and learning rate through both to its validation metric."""
    columns: dict[str, Column] = {
        "model": _evenly([trial.params["model"] for trial in trials]),
        "learning rate": _evenly([trial.params[RATE] for trial in trials]),
        f"validation {study.metric.title}": _between([trial.value or 0.0 for trial in trials], study.metric),
    }
    figure, axes = one_panel()
    for heights in zip(*(heights for heights, _ in columns.values()), strict=True):
        rank = heights[-1] if study.metric.higher_is_better else 1 - heights[-1]
        axes.plot(range(len(columns)), heights, color=colormaps["viridis_r"](0.25 + 0.7 * rank), alpha=0.85)
    for place, (_, labels) in enumerate(columns.values()):
        axes.axvline(place, color="gray", linewidth=1)
        for height, label in labels.items():
            axes.text(place + 0.03, height, label, va="bottom", fontsize=9)
    axes.set_xticks(range(len(columns)), list(columns))
    axes.set(ylim=(-0.08, 1.12), xlim=(-0.2, len(columns) - 0.6))
    axes.yaxis.set_visible(False)
    axes.spines[["left", "right", "top"]].set_visible(False)
    return titled(figure, study, "one line for each model and learning rate; darker is better")


def _evenly(values: Sequence[Any]) -> Column:
    """Distinct values at equal distances, in their order."""
    distinct = sorted(set(values))
    heights = {value: index / max(1, len(distinct) - 1) for index, value in enumerate(distinct)}
    labels = {height: f"{value:g}" if isinstance(value, float) else str(value) for value, height in heights.items()}
    return [heights[value] for value in values], labels


def _between(values: Sequence[float], metric: Metric) -> Column:
    """From the lowest to the highest value; an error by its logarithm where all are above 0."""
    scaled = values if metric == ACCURACY or min(values) <= 0 else [log10(value) for value in values]
    low, span = min(scaled), max(scaled) - min(scaled) or 1.0
    labels = {0.0: metric.text(min(values)), 1.0: metric.text(max(values))}
    return [(value - low) / span for value in scaled], labels
