"""Velocity generalization: the test metric at velocities that training never showed.

Beside what tune/core/cell_folder.py names, a finished cell's folder then holds

    velocity.json           test metric at each velocity of a grid and on V_0, V_1, ..., and the SHA-256 of the weights
    velocity.partial.json   the lines measured so far; deleted when the measurement is complete

A measurement on another grid, or with other weights, replaces the previous one.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from data.stream import Corpus
from fernn.config import DataConfig
from fernn.files.checkpoint import Tensors
from fernn.generalization import DRAWN, Lines, VelocityGrid, measure
from fernn.train.run import Run
from tune.core.result import Result
from tune.core.study import Cell, Study, StudyError
from tune.measures.measure import Advance, CellMeasurement, Document, Measure, ResultFile
from tune.measures.velocity_results import ModelVelocity, VelocityResults

PARTIAL = "velocity.partial.json"
BATCH_SIZE = 128
"""Clips evaluated at once: no result depends on it."""


@dataclass(frozen=True)
class Settings:
    """What velocities are measured."""

    range: int | None = None
    """The grid goes from -range to range on each axis: pixels per frame, or steps of the data's angle; by default
    as in the paper's figures, 4 on KTH, 2 on translating MNIST, 5 (50 degrees) on rotating MNIST."""


@dataclass(frozen=True)
class VelocityMeasurement(CellMeasurement):
    """One finished cell, to be measured on a grid of velocities."""

    way: Settings

    @property
    def grid(self) -> VelocityGrid:
        """The velocities."""
        return VelocityGrid.of(self.cell.experiment.data, self.way.range)

    @property
    def unfinished(self) -> ResultFile:
        """The file of an interrupted measurement."""
        return ResultFile(self.folder, PARTIAL, self.kind.command, ("lines",))

    def settings(self) -> Document:
        best_epoch = (self.folder.done() or Result()).best_epoch
        return {"best_epoch": best_epoch, "radius": self.grid.radius, "ranges": self.grid.ranges}

    def lines(self) -> Lines:
        """The lines that an interrupted measurement left."""
        return (self.unfinished.read(self.subject()) or {}).get("lines", {})

    def num_units(self, corpus: Corpus) -> int:
        return len(self.grid.names())

    def num_done(self) -> int:
        return num_measured(self.lines())

    def measure(self, corpus: Corpus, advance: Advance) -> None:
        """Measure what is missing, then write ``velocity.json``."""
        super().measure(corpus, advance)
        self.folder.folder.delete(PARTIAL)

    def take(self, run: Run, corpus: Corpus, advance: Advance) -> tuple[Document, Tensors | None]:
        """Write the lines after each one that is measured, with the cost of all measurements of the cell so far."""
        clips = self.opened(run, corpus, BATCH_SIZE)
        subject, lines, began = self.subject(), self.lines(), time.monotonic()
        last = self.unfinished.read() or self.kind.file_of(self.folder).read() or {}
        costs = {"test_openings": last.get("test_openings", 0), "seconds": last.get("seconds", 0)}
        openings, seconds = costs["test_openings"] - num_measured(lines), costs["seconds"]
        steps = measure(run, clips, self.grid, lines, advance)
        for lines in steps:
            costs = {"test_openings": openings + num_measured(lines), "seconds": seconds + time.monotonic() - began}
            self.unfinished.write({"subject": subject, "lines": lines, **costs})
        grid, metric = self.grid, run.task.metric.name
        matrix = dict.fromkeys(grid.motion.axes, grid.axis) | {metric: [lines[name] for name in grid.rows()]}
        drawn = {f"V{k}": value for k, value in zip(grid.ranges, lines[DRAWN], strict=True)}
        return {"grid": matrix, "drawn": drawn, **costs, "num_clips": clips.num_clips("test")}, None


def num_measured(lines: Lines) -> int:
    """The number of readings of the test clips in the lines."""
    return sum(len(line) for line in lines.values())


class Velocity(Measure[Settings]):
    """The test metric at velocities that training never showed."""

    name = "velocity"
    title = "velocity generalization"
    clips = "clips that are set in motion"
    command = "velocity_eval.py"
    unit = "velocities"
    settings = Settings
    needed = ("grid",)
    measurement_type, row_type, results_type = VelocityMeasurement, ModelVelocity, VelocityResults
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

    def ways(self, study: Study, cells: Sequence[Cell]) -> list[Settings]:
        """The widest grid that any cell was measured on."""
        radii = [subject["radius"] for subject in self.subjects(study, cells)]
        return [Settings(max(radii))] if radii else []
