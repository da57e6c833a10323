"""Validation curves of a study, after Figure 3 of Keller, 2025."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from fernn.train.metric import ACCURACY
from tune.analysis.plotting import blank_figure, marks
from tune.analysis.results import ModelRow
from tune.core.study import Study


def validation_figure(study: Study, rows: Sequence[ModelRow]) -> Figure:
    """The validation metric by epoch of each row's chosen learning rate, its band the deviation over seeds."""
    metric, figure = study.metric, blank_figure(7, 4.6)
    axes = figure.add_subplot()
    for row in rows:
        values = seeds_by_epoch(study, row)
        epochs, mean = range(1, values.shape[1] + 1), values.mean(axis=0)
        name = f"{row.label}, lr {row.lr:g} (n = {len(values)})"
        (line,) = axes.plot(epochs, mean, marker="o", markersize=3, label=name)
        if len(values) > 1:
            spread = values.std(axis=0, ddof=1)
            low = mean - spread if metric == ACCURACY else np.maximum(mean - spread, values.min() / 2)
            axes.fill_between(epochs, low, mean + spread, color=line.get_color(), alpha=0.2)
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
