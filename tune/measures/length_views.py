"""Length generalization as numbers and pictures."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from matplotlib.figure import Figure

from fernn.files.checkpoint import Tensors
from tune.analysis.plotting import blank_figure, marks
from tune.analysis.results import ModelRow
from tune.analysis.rollout_plots import rollout_figure
from tune.analysis.statistics import mean_and_deviation
from tune.core.study import Study
from tune.measures.length import LengthMeasurement, measured_horizon

TINY = 1e-12
"""Where a band ends that would reach below zero: a logarithmic axis has none."""


@dataclass(frozen=True)
class ModelLength:
    """What is measured of one row of the study's table: one curve a seed."""

    row: ModelRow
    curves: Mapping[int, Mapping[str, Any]]
    """By seed: the content of its ``length.json``."""
    examples: Tensors
    """A few test clips and what the first seed's model predicts of them."""

    @classmethod
    def of(cls, study: Study, row: ModelRow, horizon: int) -> Self:
        """What is measured of the row's cells so far."""
        asked = [LengthMeasurement.of(study, one.cell, horizon) for one in row.chosen]
        found = {one.cell.experiment.seed: (one, result) for one in asked if (result := one.result()) is not None}
        examples = next((one.examples() for one, _ in found.values()), {})
        return cls(row, {seed: result for seed, (_, result) in found.items()}, examples)

    @property
    def mean(self) -> list[float]:
        """The mean over seeds for every frame."""
        return [mean_and_deviation(values)[0] for values in self._by_frame()]

    @property
    def deviation(self) -> list[float | None]:
        """The sample standard deviation over seeds for every frame."""
        return [mean_and_deviation(values)[1] for values in self._by_frame()]

    def _by_frame(self) -> list[list[float]]:
        return [list(values) for values in zip(*(curve["mean"] for curve in self.curves.values()), strict=True)]

    def document(self) -> dict[str, Any]:
        """All of it, for a reader that is a program."""
        seeds = {
            str(seed): {name: curve[name] for name in ("mean", "deviation")} for seed, curve in self.curves.items()
        }
        return {
            "label": self.row.label, "learning_rate": self.row.lr, "n": len(self.curves), "mean": self.mean,
            "deviation": self.deviation, "seeds": seeds,
        }  # fmt: skip


def measured_lengths(study: Study, rows: Sequence[ModelRow]) -> list[ModelLength]:
    """What is measured of each row over the longest horizon that any cell was measured over."""
    cells = [one.cell for row in rows for one in row.chosen]
    horizons = [measured for cell in cells if (measured := measured_horizon(study.cell_folder(cell))) is not None]
    found = [ModelLength.of(study, row, max(horizons)) for row in rows] if horizons else []
    return [model for model in found if model.curves]


def csv_text(models: Sequence[ModelLength]) -> str:
    """A row for each model and frame."""
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(("model", "learning_rate", "frame", "mean", "deviation", "n"))
    for model in models:
        for frame, (mean, deviation) in enumerate(zip(model.mean, model.deviation, strict=True), start=1):
            writer.writerow((model.row.label, model.row.lr, frame, mean, deviation, len(model.curves)))
    return sink.getvalue()


def curves(study: Study, models: Sequence[ModelLength]) -> Figure:
    """Mean test error of every predicted frame; the band is the sample standard deviation over seeds."""
    figure = blank_figure(7, 4.6)
    axes = figure.add_subplot()
    for model in models:
        frames = range(1, len(model.mean) + 1)
        (line,) = axes.plot(frames, model.mean, label=f"{model.row.label} (n = {len(model.curves)})")
        pairs = [(mean, deviation or 0.0) for mean, deviation in zip(model.mean, model.deviation, strict=True)]
        low, high = [max(TINY, mean - spread) for mean, spread in pairs], [mean + spread for mean, spread in pairs]
        axes.fill_between(frames, low, high, color=line.get_color(), alpha=0.2)
    data = study.cells[0].experiment.data
    axes.axvline(
        data.num_frames - getattr(data, "input_frames", 0), color="gray", linestyle="--", label="trained to here"
    )
    axes.set(xlabel="predicted frame", ylabel="test error (MSE per pixel)", yscale="log")
    axes.set_ylim(bottom=0.5 * min(value for model in models for value in model.mean))
    axes.grid(alpha=0.3)
    axes.legend()
    title = [f"{study.name}; band: sample standard deviation over seeds", *marks(study)]
    figure.suptitle("\n".join(title), fontsize=10)
    return figure


def rollouts(study: Study, models: Sequence[ModelLength]) -> Figure | None:
    """A few frames of the predictions, from the given ones to the last, beside the true ones; None without any."""
    examples = {model.row.label: model.examples for model in models if model.examples}
    return rollout_figure(study, examples) if examples else None
