"""Length generalization as a measure: its options, tables and figures."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from fernn.files.checkpoint import Tensors
from fernn.train.metric import ERROR
from tune.analysis.plotting import ReportFigure, blank_figure, draw_band, marks, png
from tune.analysis.rollout_plots import rollout_figure
from tune.analysis.sheet import Sheet
from tune.analysis.statistics import mean_and_deviation
from tune.core.study import Cell, Study, StudyError
from tune.measures.length import COMMAND, LengthMeasurement, measured_horizon
from tune.measures.measure import Document, Measure, Point, Results, RunRecord, ShownRow

TINY = 1e-12
"""Where a band ends that would reach below zero: a logarithmic axis has none."""


@dataclass(frozen=True)
class Settings:
    """How far is predicted."""

    horizon: int = 70
    """So many frames are predicted."""


class Length(Measure[Settings]):
    """The test error far beyond the frames that training asked for."""

    name = "length"
    title = "length generalization"
    clips = "digits of which as many frames as asked for can be made"
    tasks = ("prediction",)
    command = COMMAND
    unit = "sequences"
    settings = Settings
    description = """Length generalization of a study's frame predictors: test error far beyond the trained frames.

Gives as many frames as in training and predicts --horizon more, on the fixed test sequences: mean and standard
deviation over sequences for every frame.
Source: Keller, "Flow Equivariant Recurrent Neural Networks", NeurIPS 2025, section 5.1 and Figure 4.

    python tune/length_eval.py --study translating-mnist-paper"""

    def check(self, study: Study, settings: Settings) -> None:
        if settings.horizon < 1:
            raise StudyError(f"--horizon must be 1 or more, got {settings.horizon}")

    def measurements(self, study: Study, cells: Sequence[Cell], settings: Settings) -> list[LengthMeasurement]:
        return [LengthMeasurement.of(study, cell, settings.horizon) for cell in cells]

    def ways(self, study: Study, cells: Sequence[Cell]) -> list[int]:
        """The longest horizon that any cell was measured over."""
        horizons = [known for cell in cells if (known := measured_horizon(study.cell_folder(cell))) is not None]
        return [max(horizons)] if horizons else []

    def results(self, study: Study, rows: Sequence[ShownRow], way: int) -> "LengthResults | None":
        found = []
        for one in rows:
            measurements = [LengthMeasurement.of(study, cell, way) for cell in one.cells]
            kept = {each.cell: (each, result) for each in measurements if (result := each.result()) is not None}
            if kept:
                examples = next(each.file.tensors_of(each.subject()) for each, _ in kept.values())
                found.append(ModelLength(one, {cell: result for cell, (_, result) in kept.items()}, examples))
        return LengthResults(study, found) if found else None


@dataclass(frozen=True)
class ModelLength:
    """What is measured of one row of the study's table: one curve a seed."""

    shown: ShownRow
    curves: Mapping[Cell, Mapping[str, Any]]
    """By cell: the content of its ``length.json``."""
    examples: Tensors
    """A few test clips and what the first seed's model predicts of them."""

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

    def document(self) -> Document:
        """All of it, for a reader that is a program."""
        seeds = {
            str(cell.experiment.seed): {name: curve[name] for name in ("mean", "deviation")}
            for cell, curve in self.curves.items()
        }
        return {
            "label": self.shown.label, "learning_rate": self.shown.lr, "n": len(self.curves), "mean": self.mean,
            "deviation": self.deviation, "seeds": seeds,
        }  # fmt: skip


@dataclass(frozen=True)
class LengthResults(Results):
    """What is measured of a study's models over one horizon."""

    study: Study
    models: Sequence[ModelLength]

    name = "length"

    def documents(self) -> list[Document]:
        return [model.document() for model in self.models]

    @property
    def trained(self) -> int:
        """The frames that training asked for."""
        data = self.study.cells[0].experiment.data
        return data.num_frames - getattr(data, "input_frames", 0)

    def table(self) -> Sheet:
        horizon = len(self.models[0].mean)
        frames = sorted({frame for frame in (1, self.trained, 2 * self.trained, horizon) if frame <= horizon})
        columns = ("model", "learning rate", "n", *(f"frame {frame}" for frame in frames))
        lines = []
        for one in self.models:
            values = [ERROR.spread(one.mean[frame - 1], one.deviation[frame - 1]) for frame in frames]
            lines.append([one.shown.label, f"{one.shown.lr:g}", str(len(one.curves)), *values])
        remark = f"Trained to predict {self.trained} frames. ± is the sample standard deviation over seeds."
        return Sheet(self.view, f"{self.study.name}: test error (MSE) by predicted frame", columns, lines, [remark])

    def figures(self) -> Iterator[ReportFigure]:
        each = [f"{one.shown.label}: {one.mean[0]:.3g} to {one.mean[-1]:.3g}" for one in self.models]
        words = f"Test error by predicted frame, from the first to the last. {'; '.join(each)}."
        yield ReportFigure("length", "Length generalization", words, self.curves(self.models))
        if (drawn := self.rollouts(self.models)) is not None:
            words = "Predicted frames far beyond the trained ones, beside the true ones."
            yield ReportFigure("length-rollouts", "Long predictions beside the truth", words, drawn)

    def run_records(self) -> Iterator[RunRecord]:
        for model in self.models:
            for cell, curve in model.curves.items():
                yield self._record(f"cell/{cell.key}", curve["mean"], [model])
            yield self._record(f"model/{model.shown.label}", model.mean, [model])
        yield self._record("study", [], self.models)

    def _record(self, node: str, mean: Sequence[float], models: Sequence[ModelLength]) -> RunRecord:
        """Numbers and figures of the models; a metric's step is the predicted frame."""

        def files() -> dict[str, bytes]:
            made = {"length.csv": csv_of(models), "curves.png": png(self.curves(models))}
            drawn = self.rollouts(models)
            return made | ({} if drawn is None else {"rollouts.png": png(drawn)})

        points = [Point("length/mse", value, frame) for frame, value in enumerate(mean, start=1)]
        return RunRecord(node, [model.document() for model in models], points, files)

    def curves(self, models: Sequence[ModelLength]) -> Figure:
        """Mean test error of every predicted frame; the band is the sample standard deviation over seeds."""
        figure = blank_figure(7, 4.6)
        axes = figure.add_subplot()
        for model in models:
            spread = [deviation or 0.0 for deviation in model.deviation]
            label = f"{model.shown.label} (n = {len(model.curves)})"
            draw_band(axes, range(1, len(model.mean) + 1), model.mean, spread, TINY, label=label)
        axes.axvline(self.trained, color="gray", linestyle="--", label="trained to here")
        axes.set(xlabel="predicted frame", ylabel="test error (MSE per pixel)", yscale="log")
        axes.set_ylim(bottom=0.5 * min(value for model in models for value in model.mean))
        axes.grid(alpha=0.3)
        axes.legend()
        title = [f"{self.study.name}; band: sample standard deviation over seeds", *marks(self.study)]
        figure.suptitle("\n".join(title), fontsize=10)
        return figure

    def rollouts(self, models: Sequence[ModelLength]) -> Figure | None:
        """A few predicted frames, from the given ones to the last, beside the true ones; None without any."""
        examples = {model.shown.label: model.examples for model in models if model.examples}
        return rollout_figure(self.study, examples) if examples else None


def csv_of(models: Sequence[ModelLength]) -> bytes:
    """A line for each model and frame, as a CSV file."""
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(("model", "learning_rate", "frame", "mean", "deviation", "n"))
    for model in models:
        for frame, (mean, deviation) in enumerate(zip(model.mean, model.deviation, strict=True), start=1):
            writer.writerow((model.shown.label, model.shown.lr, frame, mean, deviation, len(model.curves)))
    return sink.getvalue().encode()
