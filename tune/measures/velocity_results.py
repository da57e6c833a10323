"""Velocity generalization as a measure: its options, tables and figures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

from matplotlib.figure import Figure

from fernn.config import DataConfig
from fernn.generalization import VelocityGrid, VelocityReadings
from fernn.train.task import Metric
from tune.analysis.plotting import ReportFigure, file_name, png, titled
from tune.analysis.report_table import ReportTable, csv_text
from tune.analysis.statistics import mean_and_deviation
from tune.core.study import Cell, Study, StudyError
from tune.measures.measure import Document, Measure, Point, Results, RunRecord, ShownRow
from tune.measures.velocity import COMMAND, Measured, VelocityMeasurement, measured_radius
from tune.measures.velocity_figures import Curve, grid_figure, velocity_curves


@dataclass(frozen=True)
class Settings:
    """What velocities are measured."""

    range: int | None = None
    """The grid goes from -range to range on each axis: pixels per frame, or steps of the data's angle; by default
    as in the paper's figures, 4 on KTH, 2 on translating MNIST, 5 (50 degrees) on rotating MNIST."""


class Velocity(Measure[Settings]):
    """The test metric at velocities that training never showed."""

    name = "velocity"
    title = "velocity generalization"
    clips = "clips that are set in motion"
    command = COMMAND
    unit = "velocities"
    settings = Settings
    description = """Velocity generalization of a study's models: test metric at velocities that training never showed.

Measures accuracy, or the error of frame predictors, with all test clips moving at one velocity, for every velocity of
a grid, and on V_0, V_1, ... (each clip with its own velocity), as in Figures 4 and 5 of Keller, "Flow Equivariant
Recurrent Neural Networks", NeurIPS 2025. The grids: (vy, vx) for what drifts, degrees for what turns.

    python tune/velocity_eval.py --study kth-paper
    python tune/velocity_eval.py --study kth-demo --models fernn-v1 --range 2"""

    def is_defined_on(self, data: DataConfig) -> bool:
        return data.motion is not None

    def check(self, study: Study, settings: Settings) -> None:
        try:
            VelocityGrid.of(study.cells[0].experiment.data, settings.range)
        except ValueError as error:
            raise StudyError(f"--{error}") from error

    def measurements(self, study: Study, cells: Sequence[Cell], settings: Settings) -> list[VelocityMeasurement]:
        return [VelocityMeasurement.of(study, cell, settings.range) for cell in cells]

    def ways(self, study: Study, cells: Sequence[Cell]) -> list[int]:
        """The widest grid that any cell was measured on."""
        radii = [radius for cell in cells if (radius := measured_radius(study.cell_folder(cell))) is not None]
        return [max(radii)] if radii else []

    def results(self, study: Study, rows: Sequence[ShownRow], way: int) -> "VelocityResults | None":
        models = []
        for shown in rows:
            measurements = [VelocityMeasurement.of(study, cell, way) for cell in shown.cells]
            seeds = [seed for each in measurements if (seed := each.measured()) is not None]
            models += [ModelVelocity(study, shown.label, seeds)] if seeds else []
        return VelocityResults(study, models) if models else None


@dataclass(frozen=True)
class ModelVelocity:
    """The measurements of one row of the study's table: of cells that differ only by seed."""

    study: Study
    label: str
    """See :class:`tune.analysis.results.ModelRow`."""
    seeds: Sequence[Measured]

    @property
    def cell(self) -> Cell:
        """The first of the cells."""
        return self.seeds[0].cell

    @property
    def lr(self) -> float:
        return self.cell.experiment.optim.lr

    @property
    def metric(self) -> Metric:
        return self.cell.metric

    @property
    def grid(self) -> VelocityGrid:
        return self.seeds[0].grid

    @property
    def training_range(self) -> int:
        return self.cell.experiment.data.velocity_range

    @property
    def title(self) -> str:
        """The title of the figure of means over seeds."""
        n = len(self.seeds)
        return f"{self.label} lr {self.lr:g}: mean over {n} seed{'s' * (n > 1)}"

    @property
    def mean(self) -> VelocityReadings:
        """The test metric by velocity, mean over seeds."""
        return VelocityReadings.mean([seed.readings for seed in self.seeds])

    @cached_property
    def statistics(self) -> dict[str, tuple[float, float | None]]:
        """Mean and sample standard deviation over seeds by name."""
        by_name = [seed.readings.by_name() for seed in self.seeds]
        return {name: mean_and_deviation([seed[name] for seed in by_name]) for name in by_name[0]}

    def document(self) -> Document:
        """All results as JSON."""
        return {
            **origin(self.study, self.cell),
            "label": self.label,
            "n": len(self.seeds),
            "seeds": [seed.cell.experiment.seed for seed in self.seeds],
            "num_clips": self.seeds[0].record["num_clips"],
            self.metric.name: {name: {"mean": mean, "deviation": sd} for name, (mean, sd) in self.statistics.items()},
        }

    def table_row(self) -> list[str]:
        """Model, learning rate, n, and the metric on every V_k."""
        spread = [self.metric.spread(*self.statistics[f"V{k}"]) for k in self.grid.ranges]
        return [self.label, f"{self.lr:g}", str(len(self.seeds)), *spread]

    def curve(self) -> Curve:
        """The model's line in the study's figure."""
        means, deviations = zip(*(self.statistics[name] for name in self.curve_names()), strict=True)
        return Curve(means, deviations, len(self.seeds))

    def curve_names(self) -> list[str]:
        """The readings along the study's figure: V_0, V_1, ...; where the grid is one row, the grid."""
        names, num_drawn = self.grid.names(), len(self.grid.ranges)
        return names[num_drawn:] if len(self.grid.motion.axes) == 1 else names[:num_drawn]

    def report_figure(self) -> ReportFigure:
        """The metric over the grid, mean over seeds."""
        metric, values = self.metric, [value for row in self.mean.rows for value in row]
        words = (
            f"{self.label}: test {metric.title} at {len(values)} velocities, from {metric.text(min(values))} to "
            f"{metric.text(max(values))}; trained on velocities up to {self.training_range}."
        )
        figure = figure_of(self.study, self.cell, self.mean, self.title)
        return ReportFigure(f"velocity-{file_name(self.label)}", self.title, words, figure)


@dataclass(frozen=True)
class VelocityResults(Results):
    """The measurements of a study's models on one grid."""

    study: Study
    models: Sequence[ModelVelocity]

    name = "velocity"

    def documents(self) -> list[Document]:
        return [model.document() for model in self.models]

    def table(self) -> ReportTable:
        title = f"{self.study.name}: test {self.study.metric.title} with velocities from V_k"
        columns = ("model", "learning rate", "n", *(f"V_{k}" for k in self.models[0].grid.ranges))
        return ReportTable(self.view, title, columns, [model.table_row() for model in self.models])

    def figures(self) -> Iterator[ReportFigure]:
        metric = self.study.metric
        each = [f"{one.label}: {', '.join(metric.text(mean) for mean in one.curve().means)}" for one in self.models]
        names = ", ".join(self.models[0].curve_names())
        words = f"Test {metric.title} on clips that move with velocities from {names}. {'; '.join(each)}."
        yield ReportFigure(self.view, f"Test {metric.title} against data velocity", words, self.curves())
        for one in self.models:
            yield one.report_figure()

    def curves(self) -> Figure:
        """The study's figure, after Figures 4 and 5 of the paper: one plot for each range of training."""
        panels: dict[str, dict[str, Curve]] = {}
        for model in sorted(self.models, key=lambda one: one.training_range):
            panel = panels.setdefault(f"trained on $V_{{{model.training_range}}}$", {})
            panel[model.cell.experiment.model.name] = model.curve()
        classes = self.models[0].cell.experiment.data.classes
        figure = velocity_curves(panels, self.models[0].grid, self.study.metric, 1 / len(classes) if classes else None)
        return titled(figure, self.study, "test clips in motion; band: sample standard deviation over seeds")

    def run_records(self) -> Iterator[RunRecord]:
        for model in self.models:
            for seed in model.seeds:
                yield cell_record(self.study, seed)
            yield model_record(model)

        def files() -> dict[str, bytes]:
            columns = ("model", "lr", "velocities", "mean", "deviation", "n")
            rows = [
                (model.label, model.lr, name, *model.statistics[name], len(model.seeds))
                for model in self.models
                for name in model.curve_names()
            ]
            return {"velocity.csv": csv_text([columns, *rows]).encode(), "curves.png": png(self.curves())}

        yield RunRecord("study", self.documents(), [], files)


def cell_record(study: Study, seed: Measured) -> RunRecord:
    """A cell's own numbers, table and figure."""
    cell, readings = seed.cell, seed.readings
    by_name = readings.by_name()

    def files() -> dict[str, bytes]:
        figure = figure_of(study, cell, readings, f"{study.label(cell)}: {seed.record['num_clips']} test clips")
        values = {name: (value,) for name, value in by_name.items()}
        return grid_files(figure, readings.grid, (cell.metric.name,), values)

    return RunRecord(f"cell/{cell.key}", {**origin(study, cell), **seed.record}, points(by_name), files)


def model_record(model: ModelVelocity) -> RunRecord:
    """The means over a model's seeds: numbers, table and figure."""

    def files() -> dict[str, bytes]:
        values = {name: (*pair, len(model.seeds)) for name, pair in model.statistics.items()}
        figure = figure_of(model.study, model.cell, model.mean, model.title)
        return grid_files(figure, model.grid, ("mean", "deviation", "n"), values)

    means = {name: mean for name, (mean, _) in model.statistics.items()}
    return RunRecord(f"model/{model.label}", model.document(), points(means), files)


def grid_files(
    figure: Figure, grid: VelocityGrid, columns: Sequence[str], values: Mapping[str, Sequence[Any]]
) -> dict[str, bytes]:
    """The figure, and a CSV of the values by name: each V_k and each velocity, with its place on the grid's axes."""
    places = [("",) * len(grid.motion.axes)] * len(grid.ranges) + [*chain.from_iterable(grid.rows().values())]
    rows = [(name, *place, *numbers) for place, (name, numbers) in zip(places, values.items(), strict=True)]
    name = "heatmap.png" if len(grid.motion.axes) == 2 else "curve.png"
    return {"velocity.csv": csv_text([("name", *grid.motion.axes, *columns), *rows]).encode(), name: png(figure)}


def origin(study: Study, cell: Cell) -> Document:
    """The study, model and data that the numbers belong to."""
    experiment = cell.experiment
    return {
        "study": study.name, "model": experiment.model.name, "lr": experiment.optim.lr,
        "training_range": experiment.data.velocity_range, "protocol": experiment.data.protocol,
        "demo": study.demo, "stand_in": study.stand_in or None, "partial": bool(study.partial),
    }  # fmt: skip


def points(values: Mapping[str, float]) -> list[Point]:
    """The values as metrics of MLflow."""
    return [Point(f"velocity/{name}", value) for name, value in values.items()]


def figure_of(study: Study, cell: Cell, readings: VelocityReadings, title: str) -> Figure:
    """The metric over the grid, under a title with the range of training."""
    trained = cell.experiment.data.velocity_range
    return titled(grid_figure(readings, cell.metric, trained), study, f"{title}\ntrained on $V_{{{trained}}}$ (red)")
