"""The figures of a report on the choices of a search: what they lead to, and what matters."""

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite, log10
from typing import Any

from matplotlib import colormaps
from matplotlib.figure import Figure
from optuna.trial import FrozenTrial

from fernn.train.task import ACCURACY, Metric
from tune.analysis.objectives import front, goal_name
from tune.analysis.optuna_trials import finished_trials, importances
from tune.analysis.plotting import ReportFigure, draw_band, file_name, finish_axes, one_panel, titled
from tune.analysis.results import ModelRow
from tune.analysis.statistics import mean_and_deviation
from tune.core.choice import Choice, last_part
from tune.core.study import RATE, Study


def title(name: str) -> str:
    """A dimension's name in a figure."""
    return "learning rate" if name == RATE else last_part(name)


def chosen_word(study: Study) -> str:
    """What validation chooses, in a word."""
    return "choice" if study.tuned else "learning rate"


def choice_figures(study: Study, rows: Sequence[ModelRow]) -> Iterator[ReportFigure]:
    """Each chosen field where a model has several numbers of it, and the trials as Optuna shows them."""
    metric = study.metric
    if any(len(row.by_choice) > 1 for row in rows):
        texts = [f"{row.label}: {', '.join(_means(row))}" for row in rows]
        words = f"Best validation {metric.title} by {chosen_word(study)}, means over seeds. {'; '.join(texts)}."
        if not study.tuned:
            yield ReportFigure("learning-rates", "Learning-rate sensitivity", words, rates_figure(study, rows))
        for name in numeric_fields(rows) if study.tuned else ():
            file = "learning-rates" if name == RATE else f"choices-{file_name(name)}"
            yield ReportFigure(file, f"Choices by {title(name)}", words, field_figure(study, rows, name))
    if len(study.objectives) > 1 and any(row.scores for row in rows):
        texts = [f"{row.label}: {len(front(row.scores))} of {len(row.scores)} choices" for row in rows]
        words = f"On the Pareto front of {study.objectives[0]} and {study.objectives[1]}: {'; '.join(texts)}."
        yield ReportFigure("front", "Pareto front", words, front_figure(study, rows))
    trials = finished_trials(study)
    if shares := importances(study, trials):
        words = ", ".join(f"{name} {share:.2f}" for name, share in shares.items())
        words = f"How much of the differences between results each setting explains, from 0 to 1: {words}."
        yield ReportFigure("importances", "What matters", words, importances_figure(study, shares))
    if trials:
        values = [trial.value for trial in trials if trial.value is not None]
        span, what = f"from {metric.text(min(values))} to {metric.text(max(values))}", chosen_word(study)
        words = f"A line for each of {len(trials)} pairs of model and {what}: validation {metric.title} {span}."
        figure = coordinates_figure(study, trials)
        yield ReportFigure("parallel-coordinates", f"Models and {what}s", words, figure)


def _means(row: ModelRow) -> Iterator[str]:
    for choice, mean in sorted(row.validation_by_choice.items(), key=lambda pair: pair[0].order):
        at = f"{choice.rate:g}" if len(choice.values) == 1 else choice.text
        yield f"{row.metric.text(mean)} at {at}"


def numeric_fields(rows: Sequence[ModelRow]) -> list[str]:
    """The chosen fields of which a row has several values, all numbers."""
    values: dict[str, set[Any]] = {}
    for row in rows:
        for choice in row.by_choice:
            for name, value in choice.values:
                values.setdefault(name, set()).add(value)
    return [name for name, found in values.items() if len(found) > 1 and all(map(_is_number, found))]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def field_figure(study: Study, rows: Sequence[ModelRow], name: str) -> Figure:
    """The best validation metric of each choice by its value of one field, and a ring around the one that is chosen."""
    (figure, axes), metric = one_panel(), study.metric
    for row in (row for row in rows if row.choice.get(name) is not None):
        points = [(choice.get(name), mean) for choice, mean in row.validation_by_choice.items()]
        (line,) = axes.plot(*zip(*points, strict=True), "o", alpha=0.7, label=row.label)
        place, color = row.choice.get(name), line.get_color()
        axes.plot(place, row.validation, marker="o", markersize=13, fillstyle="none", color=color)
    if name == RATE:
        axes.set(xscale="log")
    scale = "linear" if metric == ACCURACY else "log"
    finish_axes(axes, xlabel=title(name), ylabel=f"best validation {metric.title}", yscale=scale)
    return titled(figure, study, "a point for each choice, mean over seeds; ring: chosen")


def front_figure(study: Study, rows: Sequence[ModelRow]) -> Figure:
    """The first two objectives of each choice, the front joined, and a ring around the reported choice."""
    (figure, axes), (first, second) = one_panel(), map(goal_name, study.objectives[:2])
    for row in rows:
        points = {choice: (score.means[first], score.means[second]) for choice, score in row.scores.items()}
        finite = {choice: point for choice, point in points.items() if all(map(isfinite, point))}
        if not finite:
            continue
        (line,) = axes.plot(*zip(*finite.values(), strict=True), "o", alpha=0.5, label=row.label)
        joined = sorted(finite[choice] for choice in front(row.scores) if choice in finite)
        if joined:
            axes.plot(*zip(*joined, strict=True), color=line.get_color())
        if row.choice in finite:
            place, color = finite[row.choice], line.get_color()
            axes.plot(*place, marker="o", markersize=13, fillstyle="none", color=color)
    finish_axes(axes, xlabel=first, ylabel=second)
    return titled(figure, study, "a point for each choice, mean over seeds; line: Pareto front; ring: reported")


def rates_figure(study: Study, rows: Sequence[ModelRow]) -> Figure:
    """The best validation metric by learning rate, its deviation over seeds, and a ring around the chosen rate."""
    (figure, axes), metric = one_panel(), study.metric
    for row in rows:
        by_rate = sorted(((choice.rate, seeds) for choice, seeds in row.by_choice.items()), key=lambda pair: pair[0])
        rates = [rate for rate, _ in by_rate]
        pairs = [mean_and_deviation([seed.validation for seed in seeds]) for _, seeds in by_rate]
        means, deviations = zip(*pairs, strict=True)
        floor = 0 if metric == ACCURACY else min(means) / 2
        line = draw_band(axes, means, deviations, places=rates, floor=floor, label=row.label)
        axes.plot(row.choice.rate, row.validation, marker="o", markersize=13, fillstyle="none", color=line.get_color())
    axes.set(xscale="log")
    ticks = sorted({choice.rate for row in rows for choice in row.by_choice})
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
    """Parallel coordinates: a line for each model and choice through its fields to its validation metric."""
    shared = [name for name in ("model", RATE, *study.tuned) if all(name in trial.params for trial in trials)]
    columns: dict[str, Column] = {title(name): _evenly([trial.params[name] for trial in trials]) for name in shared}
    columns[f"validation {study.metric.title}"] = _between([trial.value or 0.0 for trial in trials], study.metric)
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
    return titled(figure, study, f"one line for each model and {chosen_word(study)}; darker is better")


def _evenly(values: Sequence[Any]) -> Column:
    """Distinct values at equal distances, in their order."""
    distinct = sorted(set(values), key=lambda value: Choice((("", value),)).order)
    heights = {value: index / max(1, len(distinct) - 1) for index, value in enumerate(distinct)}
    labels = {height: f"{value:g}" if isinstance(value, float) else str(value) for value, height in heights.items()}
    return [heights[value] for value in values], labels


def _between(values: Sequence[float], metric: Metric) -> Column:
    """From the lowest to the highest value; an error by its logarithm where all are above 0."""
    scaled = values if metric == ACCURACY or min(values) <= 0 else [log10(value) for value in values]
    low, span = min(scaled), max(scaled) - min(scaled) or 1.0
    labels = {0.0: metric.text(min(values)), 1.0: metric.text(max(values))}
    return [(value - low) / span for value in scaled], labels
