"""Velocity generalization as tables and pictures."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from fernn.generalization import VelocityGrid, VelocityReadings
from fernn.train.metric import Metric
from tune.analysis.plotting import marks, png
from tune.analysis.results import ModelRow
from tune.analysis.statistics import mean_and_deviation
from tune.core.study import Cell, Study
from tune.measures.velocity import Measured, measured, measured_radius
from tune.measures.velocity_figures import Curve, velocity_curves, velocity_picture

Table = Sequence[Sequence[Any]]


@dataclass(frozen=True)
class ModelVelocity:
    """What is measured of one row of the study's table: cells that differ by seed alone."""

    study: Study
    label: str
    """The model, and what else tells its rows apart (see tune/analysis/results.py)."""
    seeds: Sequence[Measured]

    @property
    def cell(self) -> Cell:
        """The first of the cells."""
        return self.seeds[0].cell

    @property
    def model(self) -> str:
        return self.cell.experiment.model.name

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

    @cached_property
    def statistics(self) -> dict[str, tuple[float, float | None]]:
        """Mean and sample standard deviation over seeds by name."""
        by_name = [seed.found.by_name() for seed in self.seeds]
        return {name: mean_and_deviation([seed[name] for seed in by_name]) for name in by_name[0]}

    def document(self) -> dict[str, Any]:
        """All of it, for a reader that is a program."""
        return {
            **facts(self.study, self.cell),
            "label": self.label,
            "n": len(self.seeds),
            "seeds": [seed.cell.experiment.seed for seed in self.seeds],
            "num_clips": self.seeds[0].record["num_clips"],
            self.metric.name: {name: {"mean": mean, "deviation": sd} for name, (mean, sd) in self.statistics.items()},
        }

    def text(self) -> tuple[str, ...]:
        """The row in a table: model, learning rate, n, the metric on every V_k."""
        spread = [self.metric.spread(*self.statistics[f"V{k}"]) for k in self.grid.ranges]
        return (self.label, f"{self.lr:g}", str(len(self.seeds)), *spread)

    def curve(self) -> Curve:
        """The model's line in the study's picture."""
        means, deviations = zip(*(self.statistics[name] for name in self.curve_names()), strict=True)
        return Curve(means, deviations, len(self.seeds))

    def curve_names(self) -> list[str]:
        """The readings along the study's picture: V_0, V_1, ...; where the grid is one row, the grid."""
        names, num_drawn = self.grid.names(), len(self.grid.ranges)
        return names[num_drawn:] if len(self.grid.axes) == 1 else names[:num_drawn]


def measured_velocities(study: Study, rows: Sequence[ModelRow]) -> list[ModelVelocity]:
    """What is measured of each row on the widest grid that any cell was measured on."""
    cells = [one.cell for row in rows for one in row.chosen]
    radii = [radius for cell in cells if (radius := measured_radius(study.cell_folder(cell))) is not None]
    if not radii:
        return []
    named = [(row.label, measured(study, row, [], max(radii))) for row in rows]
    return [ModelVelocity(study, label, seeds) for label, seeds in named if seeds]


def facts(study: Study, cell: Cell) -> dict[str, Any]:
    """What the numbers are of."""
    experiment = cell.experiment
    return {
        "study": study.name, "model": experiment.model.name, "lr": experiment.optim.lr,
        "training_range": experiment.data.velocity_range, "protocol": experiment.data.protocol,
        "demo": study.demo, "stand_in": study.stand_in or None, "partial": bool(study.partial),
    }  # fmt: skip


def curve_rows(model: ModelVelocity) -> Table:
    """A row for each reading of the model's curve."""
    n = len(model.seeds)
    return [(model.label, model.lr, name, *model.statistics[name], n) for name in model.curve_names()]


def rows(grid: VelocityGrid, values: Mapping[str, Sequence[Any]]) -> Table:
    """A row for each V_k and each velocity: its name, its place on the axes where it has one, and its values."""
    places = [("",) * len(grid.axes)] * len(grid.ranges) + grid.velocities()
    return [(name, *place, *line) for place, (name, line) in zip(places, values.items(), strict=True)]


def picture_name(grid: VelocityGrid) -> str:
    """The picture's file, without its ending."""
    return "heatmap" if len(grid.axes) == 2 else "curve"


def picture(study: Study, cell: Cell, found: VelocityReadings, title: str) -> Figure:
    """The metric over the grid with a title that says what it is of."""
    trained = cell.experiment.data.velocity_range
    lines = [title, f"trained on $V_{{{trained}}}$ (red)", *marks(study)]
    return velocity_picture(found, cell.metric, trained, "\n".join(lines))


def curves(models: Sequence[ModelVelocity]) -> Figure:
    """The study's picture, after Figures 4 and 5 of the paper: a panel for each range that models were trained on."""
    study, metric = models[0].study, models[0].metric
    panels: dict[str, dict[str, Curve]] = {}
    for model in sorted(models, key=lambda one: one.training_range):
        panel = panels.setdefault(f"trained on $V_{{{model.training_range}}}$", {})
        panel[model.model] = model.curve()
    lines = [f"{study.name}; bars: sample standard deviation over seeds", *marks(study)]
    return velocity_curves(panels, models[0].grid, metric, "\n".join(lines))


def as_json(document: Any) -> str:
    """The document as a file's text."""
    return json.dumps(document, indent=2) + "\n"


def write_files(folder: Path, text: str, table: Table, name: str, figure: Figure) -> None:
    """``velocity.json``, ``velocity.csv`` and the picture."""
    sink = io.StringIO()
    csv.writer(sink, lineterminator="\n").writerows(table)
    (folder / "velocity.json").write_text(text, encoding="utf-8")
    (folder / "velocity.csv").write_text(sink.getvalue(), encoding="utf-8")
    (folder / f"{name}.png").write_bytes(png(figure))
