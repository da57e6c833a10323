"""A cell's velocity generalization: measured line by line, kept in the cell's folder.

Beside what tune/core/cell_folder.py names, a finished cell's folder then holds

    velocity.json           test metric at each velocity of a grid and on V_0, V_1, ..., and of which weights
    velocity.partial.json   the lines measured so far; gone when the measurement is complete

Another grid, or other weights, are measured anew and take the place of the old.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from data.stream import Corpus
from fernn.generalization import DRAWN, Lines, VelocityGrid, VelocityReadings, measure
from fernn.train.run import Run, available_device
from tune.analysis.results import ModelRow
from tune.core.cell_folder import CellFolder
from tune.core.result import Result
from tune.core.sealing import read_sealed, write_sealed
from tune.core.study import Cell, Study
from tune.core.test_access import VELOCITY, Sealed
from tune.engine.machine import machine

WHOLE, PARTIAL = "velocity.json", "velocity.partial.json"
BATCH_SIZE = 128
"""Clips evaluated at once: no result depends on it."""


@dataclass(frozen=True)
class Measured:
    """A cell and the content of its ``velocity.json``."""

    cell: Cell
    record: Mapping[str, Any]

    grid: VelocityGrid

    @property
    def found(self) -> VelocityReadings:
        """The test metric by velocity."""
        rows = self.record["grid"][self.cell.metric.name]
        lines = {DRAWN: list(self.record["drawn"].values()), **dict(zip(self.grid.rows(), rows, strict=True))}
        return VelocityReadings(self.grid, lines)


@dataclass(frozen=True)
class Measurement:
    """One finished cell, to be measured on a grid of velocities."""

    cell: Cell
    folder: CellFolder
    grid: VelocityGrid

    @classmethod
    def of(cls, study: Study, cell: Cell, radius: int | None) -> "Measurement":
        """The measurement of a cell of the study; ``radius`` None: the paper's."""
        return cls(cell, study.cell_folder(cell), VelocityGrid.of(cell.experiment.data, radius))

    def subject(self) -> dict[str, Any]:
        """What decides the result: the weights, by epoch and digest, and the grid."""
        return {
            "key": self.cell.key,
            "best_epoch": (self.folder.done() or Result()).best_epoch,
            "weights_sha256": self.folder.best_sha256(),
            "radius": self.grid.radius,
            "ranges": list(self.grid.ranges),
        }

    def result(self) -> Measured | None:
        """What is measured, or None where that is of other weights or another grid, or not complete."""
        record = self._mine(WHOLE)
        return None if record is None else Measured(self.cell, record, self.grid)

    def lines(self) -> Lines:
        """The lines that an interrupted measurement left."""
        return (self._mine(PARTIAL) or {}).get("lines", {})

    def _mine(self, name: str) -> dict[str, Any] | None:
        content = _read(self.folder, name)
        return content if content is not None and content["subject"] == self.subject() else None

    def spent(self) -> dict[str, float]:
        """How many readings of the test clips, and for how many seconds, by every measurement of the cell."""
        last = _read(self.folder, PARTIAL) or _read(self.folder, WHOLE) or {}
        return {name: last.get(name, 0) for name in ("test_openings", "seconds")}


def num_measured(lines: Lines) -> int:
    """How many readings of the test clips the lines hold."""
    return sum(len(line) for line in lines.values())


def num_left(measurement: Measurement) -> int:
    """How many readings of the test clips are still to come."""
    return measurement.grid.num_readings - num_measured(measurement.lines())


def measure_cell(measurement: Measurement, corpus: Corpus, advance: Callable[[int], None]) -> None:
    """Measure what is missing with the best epoch's weights; ``velocity.json`` is written when all is there."""
    experiment, folder = measurement.cell.experiment, measurement.folder
    run = Run.start(experiment, available_device())
    folder.load_best(run)
    clips = Sealed(corpus.stream(experiment.data, BATCH_SIZE, run.device), folder).opened(VELOCITY)
    keep_partial(measurement, measure(run, clips, measurement.grid, measurement.lines(), advance))
    facts = {**measurement.spent(), "num_clips": clips.num_clips("test"), "machine": machine(run.device)}
    numbers = readable(measurement.grid, measurement.lines(), run.task.metric.name)
    write_sealed(folder.folder, WHOLE, {"subject": measurement.subject(), **numbers, **facts})
    folder.folder.delete(PARTIAL)


def keep_partial(measurement: Measurement, growing: Iterable[Lines]) -> None:
    """Write the lines after every one that is added, and what the cell's measurements have cost so far."""
    subject, spent, began = measurement.subject(), measurement.spent(), time.monotonic()
    earlier = spent["test_openings"] - num_measured(measurement.lines())
    for lines in growing:
        seconds = spent["seconds"] + time.monotonic() - began
        content = {"subject": subject, "lines": lines, "seconds": seconds}
        content["test_openings"] = earlier + num_measured(lines)
        write_sealed(measurement.folder.folder, PARTIAL, content)


def readable(grid: VelocityGrid, lines: Lines, metric: str) -> dict[str, Any]:
    """Complete lines as ``velocity.json`` holds them: a matrix with its axes, and V_k by name."""
    matrix = dict.fromkeys(grid.axes, grid.axis) | {metric: [lines[name] for name in grid.rows()]}
    return {"grid": matrix, "drawn": {f"V{k}": value for k, value in zip(grid.ranges, lines[DRAWN], strict=True)}}


def measured_radius(folder: CellFolder) -> int | None:
    """The radius of the grid that a cell was measured on last, None where it was not."""
    content = _read(folder, WHOLE)
    return None if content is None else int(content["subject"]["radius"])


def _read(folder: CellFolder, name: str) -> dict[str, Any] | None:
    way_out = "delete it, and python tune/velocity_eval.py measures it anew"
    return read_sealed(folder.folder, name, way_out, "subject", "lines" if name == PARTIAL else "grid")


def unmeasured(study: Study, cells: Sequence[Cell], radius: int | None) -> list[Measurement]:
    """The measurements that have no result."""
    wanted = [Measurement.of(study, cell, radius) for cell in cells]
    return [one for one in wanted if one.result() is None]


def measured(study: Study, row: ModelRow, asked: Sequence[Cell], radius: int | None) -> list[Measured]:
    """What is measured of the row's cells on this grid, whether this time or earlier.

    Where the registered cell that was asked for has another learning rate, it alone stands for the row.
    """
    like = {"optim.lr": row.lr, "epochs": row.experiment.epochs, "seed": row.experiment.seed}
    others = [c for c in asked if c.experiment.override(like) == row.experiment and c.experiment.optim.lr != row.lr]
    cells = others or [one.cell for one in row.chosen]
    results = [Measurement.of(study, cell, radius).result() for cell in cells]
    return [result for result in results if result is not None]
