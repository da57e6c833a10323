"""Pictures of predicted velocity fields: error by predicted frame, and energy spectra beside the true one."""

from collections.abc import Sequence

import torch
from matplotlib.figure import Figure

from fernn.train.fields import FieldScores
from tune.analysis.plotting import blank_figure, marks
from tune.analysis.results import ModelRow
from tune.core.study import Study
from tune.reporting.field_tables import scores_of

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
        steps, mean = range(1, curves.shape[1] + 1), curves.mean(dim=0)
        (line,) = axes.plot(steps, mean, marker="o", markersize=3, label=f"{label} (n = {len(curves)})")
        if len(curves) > 1:
            spread = curves.std(dim=0)
            axes.fill_between(steps, mean - spread, mean + spread, color=line.get_color(), alpha=0.2)
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
