"""What the learning rates did: the validation metric along them, and Optuna's view of the searched fields."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log10
from typing import Any

from matplotlib import colormaps
from matplotlib.figure import Figure
from optuna.trial import FrozenTrial

from fernn.train.metric import ACCURACY, Metric
from tune.analysis.plotting import blank_figure, marks
from tune.analysis.results import ModelRow
from tune.analysis.statistics import mean_and_deviation
from tune.core.study import RATE, Study


def rates_figure(study: Study, rows: Sequence[ModelRow]) -> Figure:
    """The best validation metric by learning rate, bars its deviation over seeds; the chosen rate has a ring."""
    figure = blank_figure(6.4, 4.4)
    axes = figure.add_subplot()
    for row in rows:
        rates = sorted(row.by_lr)
        pairs = [mean_and_deviation([one.validation for one in row.by_lr[lr]]) for lr in rates]
        means, bars = [mean for mean, _ in pairs], [deviation or 0.0 for _, deviation in pairs]
        line = axes.errorbar(rates, means, yerr=bars, marker="o", capsize=4, label=row.label)[0]
        axes.plot(row.lr, row.validation, marker="o", markersize=13, fillstyle="none", color=line.get_color())
    metric = study.metric
    axes.set(xlabel="learning rate", ylabel=f"best validation {metric.title}", xscale="log")
    axes.set_yscale("linear" if metric == ACCURACY else "log")
    known = sorted({lr for row in rows for lr in row.by_lr})
    axes.set_xticks(known, [f"{lr:.3g}" for lr in known], rotation=30 if len(known) > 6 else 0)
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend()
    title = [f"{study.name}; bars: sample standard deviation over seeds; ring: chosen", *marks(study)]
    figure.suptitle("\n".join(title), fontsize=10)
    return figure


def importances_figure(study: Study, shares: dict[str, float]) -> Figure:
    """A bar for each searched field."""
    figure = blank_figure(6.4, 1.5 + 0.5 * len(shares))
    axes = figure.add_subplot()
    names = list(reversed(shares))
    bars = axes.barh(names, [shares[name] for name in names])
    axes.bar_label(bars, fmt="%.2f", padding=3)
    axes.set(xlabel="share of the variance (fANOVA)", xlim=(0, 1.12))
    title = [f"{study.name}: what validation {study.metric.title} depends on", *marks(study)]
    figure.suptitle("\n".join(title), fontsize=10)
    return figure


def coordinates_figure(study: Study, found: Sequence[FrozenTrial]) -> Figure:
    """Parallel coordinates: a line for each model and learning rate through both to its validation metric."""
    values = [trial.value for trial in found if trial.value is not None]
    columns = {
        "model": _evenly([trial.params["model"] for trial in found]),
        "learning rate": _evenly([trial.params[RATE] for trial in found]),
        f"validation {study.metric.title}": _between(values, study.metric),
    }
    figure = blank_figure(6.4, 4.4)
    axes = figure.add_subplot()
    for heights in zip(*(column.heights for column in columns.values()), strict=True):
        rank = heights[-1] if study.metric.higher_is_better else 1 - heights[-1]
        axes.plot(range(len(columns)), heights, color=colormaps["viridis_r"](0.25 + 0.7 * rank), alpha=0.85)
    for place, column in enumerate(columns.values()):
        axes.axvline(place, color="gray", linewidth=1)
        for height, text in column.ticks.items():
            axes.text(place + 0.03, height, text, va="bottom", fontsize=9)
    axes.set_xticks(range(len(columns)), list(columns))
    axes.set(ylim=(-0.08, 1.12), xlim=(-0.2, len(columns) - 0.6))
    axes.yaxis.set_visible(False)
    axes.spines[["left", "right", "top"]].set_visible(False)
    figure.suptitle(
        "\n".join([f"{study.name}: a line a model and learning rate; darker is better", *marks(study)]), fontsize=10
    )
    return figure


@dataclass(frozen=True)
class Column:
    """Where lines cross one of the coordinates, from 0 to 1, and what stands beside it."""

    heights: Sequence[float]
    ticks: Mapping[float, str]


def _evenly(values: Sequence[Any]) -> Column:
    """Every value at a height of its own, in their order."""
    known = sorted(set(values))
    heights = {value: index / max(1, len(known) - 1) for index, value in enumerate(known)}
    ticks = {height: f"{value:g}" if isinstance(value, float) else str(value) for value, height in heights.items()}
    return Column([heights[value] for value in values], ticks)


def _between(values: Sequence[float], metric: Metric) -> Column:
    """From the lowest to the highest, an error by its logarithm where none is 0."""
    scaled = values if metric == ACCURACY or min(values) <= 0 else [log10(value) for value in values]
    low, span = min(scaled), max(scaled) - min(scaled) or 1.0
    return Column(
        [(one - low) / span for one in scaled], {0.0: metric.text(min(values)), 1.0: metric.text(max(values))}
    )
