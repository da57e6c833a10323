"""The results of velocity generalization: tables, records for MLflow, and figures.

Heat-maps over (vy, vx), curves over an angle and over V_0, V_1, ...
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain, groupby, product
from operator import attrgetter
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from fernn.generalization import VelocityGrid
from fernn.train.task import ACCURACY, Metric
from tune.analysis.plotting import (
    ON_DARK,
    ON_LIGHT,
    ReportFigure,
    blank_figure,
    draw_band,
    file_name,
    finish_axes,
    one_panel,
    png,
    titled,
)
from tune.core.console import ReportTable, csv_text
from tune.core.study import Cell, Study
from tune.measures.measure import Document, MeasuredRow, Point, Results, RunRecord

CELL_INCHES = 0.62
AXIS_TITLES = {
    "vx": "$v_x$ (pixels per frame), positive right",
    "vy": "$v_y$ (pixels per frame), positive down",
    "angle": "degrees per frame, positive counter-clockwise",
}


@dataclass(frozen=True)
class ModelVelocity(MeasuredRow):
    """The measurements of one row of the study's table."""

    @cached_property
    def grid(self) -> VelocityGrid:
        """The velocities of all cells."""
        return VelocityGrid.of(self.cells[0].experiment.data, self.way.range)

    @property
    def training_range(self) -> int:
        """The k of the V_k that the cells were trained on."""
        return self.cells[0].experiment.data.velocity_range

    @property
    def title(self) -> str:
        """The title of the figure of means over seeds."""
        n = len(self.cells)
        return f"{self.label} {self.row.choice.text}: mean over {n} seed{'s' * (n > 1)}"

    def values(self, content: Document) -> Mapping[str, float]:
        """One seed's test metric by the name of its reading, see :meth:`fernn.generalization.VelocityGrid.names`."""
        values = chain(content["drawn"].values(), *content["grid"][self.row.metric.name])
        return dict(zip(self.grid.names(), values, strict=True))

    def document(self) -> Document:
        statistics = {name: {"mean": mean, "deviation": sd} for name, (mean, sd) in self.statistics.items()}
        return {
            **origin(self.study, self.cells[0]),
            "label": self.label,
            "n": len(self.cells),
            "seeds": [cell.experiment.seed for cell in self.cells],
            "num_clips": self.contents[0]["num_clips"],
            self.row.metric.name: statistics,
        }

    def curve(self) -> dict[str, tuple[float, float | None]]:
        """The statistics along the study's figure: of V_0, V_1, ...; where the grid is one row, of the grid."""
        names, num_drawn = self.grid.names(), len(self.grid.ranges)
        shown = names[num_drawn:] if len(self.grid.motion.axes) == 1 else names[:num_drawn]
        return {name: self.statistics[name] for name in shown}

    def rows(self, values: Mapping[str, float]) -> list[list[float]]:
        """Row i, column j: the value at the grid's velocity (i, j)."""
        return np.reshape([*values.values()][len(self.grid.ranges) :], (-1, len(self.grid.axis))).tolist()

    def grid_figure(self, values: Mapping[str, float], title: str) -> Figure:
        """The values over the grid, a heat-map or a curve, under a title with the range of training."""
        draw = heatmap if len(self.grid.motion.axes) == 2 else angle_curve
        title = f"{title}\ntrained on $V_{{{self.training_range}}}$ (red)"
        return titled(draw(self, self.rows(values)), self.study, title)

    def run_records(self) -> Iterator[RunRecord]:
        """The records of the cells, and of the means over them."""
        for cell, content in zip(self.cells, self.contents, strict=True):
            title = f"{self.study.label(cell)}: {content['num_clips']} test clips"
            values = {name: (value,) for name, value in self.values(content).items()}
            document = {**origin(self.study, cell), **content}
            draw = partial(self.grid_figure, self.values(content), title)
            yield self.record(f"cell/{cell.key}", document, (self.row.metric.name,), values, draw)
        statistics = {name: (*pair, len(self.cells)) for name, pair in self.statistics.items()}
        columns, draw = ("mean", "deviation", "n"), partial(self.grid_figure, self.means, self.title)
        yield self.record(f"model/{self.label}", self.document(), columns, statistics, draw)

    def record(
        self, node: str, document: Document, columns: Sequence[str], values: Mapping[str, Sequence[Any]],
        draw: Callable[[], Figure],
    ) -> RunRecord:  # fmt: skip
        """The record of a run: as metrics the first of the values by name, as CSV all with their place on the grid."""

        def files() -> dict[str, bytes]:
            grid, axes = self.grid, self.grid.motion.axes
            along = [velocity[-len(axes) :] for velocity in chain.from_iterable(grid.rows().values())]
            places = [("",) * len(axes)] * len(grid.ranges) + along
            rows = [(name, *place, *numbers) for place, (name, numbers) in zip(places, values.items(), strict=True)]
            table = csv_text([("name", *axes, *columns), *rows])
            return {"velocity.csv": table.encode(), "heatmap.png" if len(axes) == 2 else "curve.png": png(draw())}

        points = [Point(f"velocity/{name}", first) for name, (first, *_) in values.items()]
        return RunRecord(node, document, points, files)


def origin(study: Study, cell: Cell) -> Document:
    """The study, model and data that the numbers belong to."""
    experiment = cell.experiment
    return {
        "study": study.name, "model": experiment.model.name, "lr": experiment.optim.lr,
        "training_range": experiment.data.velocity_range, "protocol": experiment.data.protocol,
        "demo": study.demo, "stand_in": study.stand_in or None, "partial": bool(study.partial),
    }  # fmt: skip


COLUMNS = ("model", "lr", "velocities", "mean", "deviation", "n")
"""Of the table of curves: a model, its learning rate, V_k or an angle, and the statistics over n seeds."""


@dataclass(frozen=True)
class VelocityResults(Results[ModelVelocity]):
    """The measurements of a study's models on one grid."""

    def table(self) -> ReportTable:
        metric, ranges = self.study.metric, self.models[0].grid.ranges
        texts = [[metric.spread(*model.statistics[f"V{k}"]) for k in ranges] for model in self.models]
        return self.table_of(f"test {metric.title} with velocities from V_k", [f"V_{k}" for k in ranges], texts)

    def figures(self) -> Iterator[ReportFigure]:
        metric = self.study.metric
        lines = [
            f"{model.label}: {', '.join(metric.text(mean) for mean, _ in model.curve().values())}"
            for model in self.models
        ]
        names = ", ".join(self.models[0].curve())
        words = f"Test {metric.title} on clips that move with velocities from {names}. {'; '.join(lines)}."
        yield ReportFigure(self.view, f"Test {metric.title} against data velocity", words, self.curves())
        for model in self.models:
            values = [*chain(*model.rows(model.means))]
            words = (
                f"{model.label}: test {metric.title} at {len(values)} velocities, from {metric.text(min(values))} to "
                f"{metric.text(max(values))}; trained on velocities up to {model.training_range}."
            )
            figure = model.grid_figure(model.means, model.title)
            yield ReportFigure(f"velocity-{file_name(model.label)}", model.title, words, figure)

    def curves(self) -> Figure:
        """After Figures 4 and 5 of the paper: a plot for each range of training, a line for each model."""
        trained = attrgetter("training_range")
        panels = [[*group] for _, group in groupby(sorted(self.models, key=trained), key=trained)]
        figure = blank_figure(5.4 * len(panels) + 1, 4.6)
        for axes, models in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            draw_lines(axes, models)
            axes.set_title(f"trained on $V_{{{models[0].training_range}}}$", fontsize=10)
            axes.legend()
        return titled(figure, self.study, "test clips in motion; band: sample standard deviation over seeds")

    def points(self) -> list[tuple[Any, ...]]:
        """Every point of the curves, with the values of ``COLUMNS``."""
        return [
            (model.label, model.row.choice.rate, name, *pair, len(model.cells))
            for model in self.models
            for name, pair in model.curve().items()
        ]

    def run_records(self) -> Iterator[RunRecord]:
        for model in self.models:
            yield from model.run_records()

        def files() -> dict[str, bytes]:
            table = csv_text([COLUMNS, *self.points()])
            return {"velocity.csv": table.encode(), "curves.png": png(self.curves())}

        yield RunRecord("study", [model.document() for model in self.models], [], files)


def angle_curve(model: ModelVelocity, rows: Sequence[Sequence[float]]) -> Figure:
    """The test metric at every angle, a grid of one row; the band is the range of training."""
    figure, axes = one_panel()
    axes.plot(model.grid.axis, rows[0], marker="o")
    reach = model.training_range * model.grid.motion.step
    axes.axvspan(-reach, reach, color="red", alpha=0.12)
    axes.set(xlabel=AXIS_TITLES[model.grid.motion.axes[0]])
    finish_metric_axis(axes, model.row.metric)
    return figure


def heatmap(model: ModelVelocity, rows: Sequence[Sequence[float]]) -> Figure:
    """The test metric at every velocity, v_y downwards as the clip drifts; the box is the range of training."""
    metric, axis, side = model.row.metric, model.grid.axis, len(model.grid.axis)
    figure, axes = one_panel(max(side * CELL_INCHES, 3) + 1.9, max(side * CELL_INCHES, 3) + 1.3)
    extent = (-side / 2, side / 2, side / 2, -side / 2)
    colors, scale = ("viridis", Normalize(0, 1)) if metric == ACCURACY else ("viridis_r", log_scale([*chain(*rows)]))
    image = axes.imshow(rows, cmap=colors, norm=scale, extent=extent)
    for (vy, vx), value in zip(product(axis, axis), chain(*rows), strict=True):
        bright = (scale(value) > 0.6) == metric.higher_is_better
        text = f"{value:.2f}" if metric == ACCURACY else f"{value:.1e}".replace("e-0", "e-")
        axes.text(vx, vy, text, ha="center", va="center", color=ON_LIGHT if bright else ON_DARK, fontsize=9)
    reach = min(model.training_range, model.grid.radius) + 0.5  # as far as the grid shows it
    axes.add_patch(Rectangle((-reach, -reach), 2 * reach, 2 * reach, fill=False, edgecolor="red", linewidth=2.5))
    axes.set(xticks=axis, yticks=axis, xlabel=AXIS_TITLES["vx"], ylabel=AXIS_TITLES["vy"])
    figure.colorbar(image, ax=axes, label=f"test {metric.title}", shrink=0.9)
    return figure


def log_scale(values: Sequence[float]) -> LogNorm:
    """From the smallest to the largest value, at least a factor of ten."""
    return LogNorm(min(values), max(max(values), 10 * min(values)))


def draw_lines(axes: Axes, models: Sequence[ModelVelocity]) -> None:
    """The test metric of models along V_0, V_1, ..., or along the angles; band: standard deviation."""
    first, names = models[0].row, [model.row.model for model in models]
    if classes := first.experiment.data.classes:
        axes.axhline(1 / len(classes), color="gray", linestyle="--", linewidth=1, label="chance")
    metric, places = first.metric, grid_places(axes, models[0].grid)
    for model in models:
        name = model.row.model if names.count(model.row.model) == 1 else model.label
        means, deviations = zip(*model.curve().values(), strict=True)
        floor, label = 0 if metric == ACCURACY else min(means) / 2, f"{name} (n = {len(model.cells)})"
        draw_band(axes, means, deviations, places=places, floor=floor, label=label)
    finish_metric_axis(axes, metric)


def grid_places(axes: Axes, grid: VelocityGrid) -> list[float]:
    """Set the ticks and title of the axis along which curves run; the places of their points."""
    if len(grid.motion.axes) == 1:
        axes.set(xlabel=AXIS_TITLES[grid.motion.axes[0]])
        return grid.axis
    axes.set_xticks(grid.ranges, [f"$V_{{{k}}}$" for k in grid.ranges])
    axes.set(xlabel="velocities of the test clips")
    return [float(k) for k in grid.ranges]


def finish_metric_axis(axes: Axes, metric: Metric) -> None:
    """Scale the axis of the metric: from 0 to 1, or logarithmic for an error."""
    finish_axes(axes, legend=False, ylabel=f"test {metric.title}")
    axes.set_ylim(0, 1) if metric == ACCURACY else axes.set_yscale("log")
