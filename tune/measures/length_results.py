"""Length generalization as a measure: its options, tables and figures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from matplotlib.figure import Figure

from fernn.files.checkpoint import Tensors
from fernn.train.task import ERROR
from tune.analysis.plotting import ReportFigure, draw_band, finish_axes, one_panel, png, rollout_figure, titled
from tune.analysis.report_table import ReportTable, Row, csv_text
from tune.analysis.statistics import mean_and_deviation
from tune.core.study import Cell, Study, StudyError
from tune.measures.length import COMMAND, LengthMeasurement, measured_horizon
from tune.measures.measure import Document, Measure, Point, Results, RunRecord, ShownRow


@dataclass(frozen=True)
class Settings:
    """The options of length generalization."""

    horizon: int = 70
    """The number of predicted frames."""


class Length(Measure[Settings]):
    """The test error far beyond the frames that training asked for."""

    name = "length"
    title = "length generalization"
    clips = "digits that are generated with any number of frames"
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
        models = []
        for shown in rows:
            measurements = [LengthMeasurement.of(study, cell, way) for cell in shown.cells]
            kept = [(each, result) for each in measurements if (result := each.result()) is not None]
            if kept:
                first, curves = kept[0][0], {each.cell: result for each, result in kept}
                models.append(ModelLength(shown, curves, first.file.tensors_of(first.subject())))
        return LengthResults(study, models) if models else None


@dataclass(frozen=True)
class ModelLength:
    """The measurements of one row of the study's table: one curve for each seed."""

    shown: ShownRow
    curves: Mapping[Cell, Mapping[str, Any]]
    """By cell: the content of its ``length.json``."""
    examples: Tensors
    """A few test clips with the predictions of the first seed's model."""

    @cached_property
    def by_frame(self) -> list[tuple[float, float | None]]:
        """Mean and sample standard deviation over seeds for every frame."""
        return [mean_and_deviation(seeds) for seeds in zip(*(one["mean"] for one in self.curves.values()), strict=True)]

    @property
    def mean(self) -> list[float]:
        """The mean over seeds for every frame."""
        return [mean for mean, _ in self.by_frame]

    @property
    def deviation(self) -> list[float | None]:
        """The sample standard deviation over seeds for every frame."""
        return [deviation for _, deviation in self.by_frame]

    def csv_rows(self) -> list[Row]:
        """A row for each frame."""
        lr, n = self.shown.lr, len(self.curves)
        return [(self.shown.label, lr, frame, *pair, n) for frame, pair in enumerate(self.by_frame, start=1)]

    def document(self) -> Document:
        """All results as JSON."""
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
    """The measurements of a study's models over one horizon."""

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

    def table(self) -> ReportTable:
        horizon = len(self.models[0].mean)
        frames = sorted({frame for frame in (1, self.trained, 2 * self.trained, horizon) if frame <= horizon})
        columns = ("model", "learning rate", "n", *(f"frame {frame}" for frame in frames))
        rows = []
        for one in self.models:
            values = [ERROR.spread(one.mean[frame - 1], one.deviation[frame - 1]) for frame in frames]
            rows.append([one.shown.label, f"{one.shown.lr:g}", str(len(one.curves)), *values])
        remark = f"Trained to predict {self.trained} frames. ± is the sample standard deviation over seeds."
        title = f"{self.study.name}: test error (MSE) by predicted frame"
        return ReportTable(self.view, title, columns, rows, [remark])

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

        def make_files() -> dict[str, bytes]:
            header = ("model", "learning_rate", "frame", "mean", "deviation", "n")
            table = csv_text([header, *(row for model in models for row in model.csv_rows())])
            rollouts = self.rollouts(models)
            files = {"length.csv": table.encode(), "curves.png": png(self.curves(models))}
            return files | ({} if rollouts is None else {"rollouts.png": png(rollouts)})

        points = [Point("length/mse", value, frame) for frame, value in enumerate(mean, start=1)]
        return RunRecord(node, [model.document() for model in models], points, make_files)

    def curves(self, models: Sequence[ModelLength]) -> Figure:
        """Mean test error of every predicted frame; the band is the sample standard deviation over seeds."""
        figure, axes = one_panel(7, 4.6)
        lowest = 0.5 * min(value for model in models for value in model.mean)
        for model in models:
            label = f"{model.shown.label} (n = {len(model.curves)})"
            draw_band(axes, model.mean, model.deviation, floor=lowest, label=label, marker="")
        axes.axvline(self.trained, color="gray", linestyle="--", label="trained to here")
        finish_axes(axes, xlabel="predicted frame", ylabel="test error (MSE per pixel)", yscale="log")
        axes.set_ylim(bottom=lowest)
        return titled(figure, self.study, "length generalization; band: sample standard deviation over seeds")

    def rollouts(self, models: Sequence[ModelLength]) -> Figure | None:
        """A few predicted frames, from the given ones to the last, beside the true ones; None without any."""
        examples = {model.shown.label: model.examples for model in models if model.examples}
        return rollout_figure(self.study, examples) if examples else None
