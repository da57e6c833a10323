"""A cell's velocity generalization: measured line by line, kept in the cell's folder.

Beside what tune/core/cell_folder.py names, a finished cell's folder then holds

    velocity.json           test metric at each velocity of a grid and on V_0, V_1, ..., and the SHA-256 of the weights
    velocity.partial.json   the lines measured so far; deleted when the measurement is complete

A measurement on another grid, or with other weights, replaces the previous one.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from data.stream import Corpus
from fernn.files.checkpoint import Tensors
from fernn.generalization import DRAWN, Lines, VelocityGrid, VelocityReadings, measure
from fernn.train.run import Run
from tune.core.cell_folder import CellFolder
from tune.core.result import Result
from tune.core.study import Cell, Study
from tune.measures.measure import Advance, CellMeasurement, Document, ResultFile

COMMAND = "velocity_eval.py"
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
    def readings(self) -> VelocityReadings:
        """The test metric by velocity."""
        rows = self.record["grid"][self.cell.metric.name]
        lines = {DRAWN: list(self.record["drawn"].values()), **dict(zip(self.grid.rows(), rows, strict=True))}
        return VelocityReadings(self.grid, lines)


@dataclass(frozen=True)
class VelocityMeasurement(CellMeasurement):
    """One finished cell, to be measured on a grid of velocities."""

    grid: VelocityGrid

    purpose = "velocity evaluation"

    @classmethod
    def of(cls, study: Study, cell: Cell, radius: int | None) -> Self:
        """The measurement of a cell of the study. ``radius`` None is the paper's."""
        return cls(cell, study.cell_folder(cell), VelocityGrid.of(cell.experiment.data, radius))

    @property
    def file(self) -> ResultFile:
        return file_of(self.folder)

    @property
    def partial(self) -> ResultFile:
        """The file of an interrupted measurement."""
        return ResultFile(self.folder, PARTIAL, COMMAND, ("lines",))

    @property
    def way(self) -> int:
        return self.grid.radius

    def settings(self) -> Document:
        best_epoch = (self.folder.done() or Result()).best_epoch
        return {"best_epoch": best_epoch, "radius": self.grid.radius, "ranges": list(self.grid.ranges)}

    def measured(self) -> Measured | None:
        """The complete measurement with these weights and this grid, None where there is none."""
        record = self.result()
        return None if record is None else Measured(self.cell, record, self.grid)

    def lines(self) -> Lines:
        """The lines that an interrupted measurement left."""
        return (self.partial.read_of(self.subject()) or {}).get("lines", {})

    def spent(self) -> dict[str, float]:
        """The number of readings of the test clips, and the seconds, of all measurements of the cell so far."""
        last = self.partial.read() or self.file.read() or {}
        return {name: last.get(name, 0) for name in ("test_openings", "seconds")}

    def num_units(self, corpus: Corpus) -> int:
        return len(self.grid.names())

    def num_done(self) -> int:
        return num_measured(self.lines())

    def measure(self, corpus: Corpus, advance: Advance) -> None:
        """Measure what is missing, then write ``velocity.json``."""
        super().measure(corpus, advance)
        self.partial.delete()

    def take(self, run: Run, corpus: Corpus, advance: Advance) -> tuple[Document, Tensors | None]:
        """Write the lines after each one that is measured, with the cost of the cell's measurements so far."""
        clips = self.opened(run, corpus, BATCH_SIZE)
        subject, lines, spent, began = self.subject(), self.lines(), self.spent(), time.monotonic()
        earlier, steps = spent["test_openings"] - num_measured(lines), measure(run, clips, self.grid, lines, advance)
        for lines in steps:
            costs = {"seconds": spent["seconds"] + time.monotonic() - began}
            costs["test_openings"] = earlier + num_measured(lines)
            self.partial.write({"subject": subject, "lines": lines, **costs})
        numbers = readable(self.grid, lines, run.task.metric.name)
        return {**numbers, **self.spent(), "num_clips": clips.num_clips("test")}, None


def num_measured(lines: Lines) -> int:
    """The number of readings of the test clips in the lines."""
    return sum(len(line) for line in lines.values())


def readable(grid: VelocityGrid, lines: Lines, metric: str) -> dict[str, Any]:
    """Complete lines as ``velocity.json`` holds them: a matrix with its axes, and V_k by name."""
    matrix = dict.fromkeys(grid.motion.axes, grid.axis) | {metric: [lines[name] for name in grid.rows()]}
    return {"grid": matrix, "drawn": {f"V{k}": value for k, value in zip(grid.ranges, lines[DRAWN], strict=True)}}


def file_of(folder: CellFolder) -> ResultFile:
    """The file of a cell's last complete measurement."""
    return ResultFile(folder, WHOLE, COMMAND, ("grid",))


def measured_radius(folder: CellFolder) -> int | None:
    """The radius of the grid of a cell's last measurement, None where there is none."""
    content = file_of(folder).read()
    return None if content is None else int(content["subject"]["radius"])
