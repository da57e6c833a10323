"""A cell's velocity generalization: measured line by line, kept in the cell's folder.

Beside what tune/store.py names, a finished cell's folder then holds

    velocity.json           accuracy at each velocity of a grid and on V_0, V_1, V_2, and of which weights
    velocity.partial.json   the lines measured so far; gone when the measurement is complete

Another grid, or other weights, are measured anew and take the place of the old.
"""

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from data.stream import Corpus
from fernn.generalization import DRAWN, RANGES, Lines, VelocityAccuracy, measure, num_readings, span
from fernn.train.run import Run
from tune.results import ModelRow
from tune.store import BEST, CellFolder
from tune.study import Cell, Study
from tune.trial import machine

WHOLE, PARTIAL = "velocity.json", "velocity.partial.json"
BATCH_SIZE = 128
"""Clips evaluated at once: no result depends on it."""


@dataclass(frozen=True)
class Measured:
    """A cell and the content of its ``velocity.json``."""

    cell: Cell
    record: Mapping[str, Any]

    @property
    def found(self) -> VelocityAccuracy:
        """The accuracies."""
        grid = tuple(tuple(row) for row in self.record["grid"]["accuracy"])
        return VelocityAccuracy(grid, tuple(self.record["drawn"].values()))


@dataclass(frozen=True)
class Measurement:
    """One finished cell, to be measured on the grid of |vy|, |vx| <= radius."""

    cell: Cell
    folder: CellFolder
    radius: int

    @classmethod
    def of(cls, study: Study, cell: Cell, radius: int) -> "Measurement":
        """The measurement of a cell of the study."""
        return cls(cell, study.cell_folder(cell), radius)

    def subject(self) -> dict[str, Any]:
        """What decides the result: the weights, by epoch and digest, and the grid."""
        weights = self.folder.folder.read(BEST)
        if weights is None:
            raise FileNotFoundError(f"{self.folder.folder.root} has no best checkpoint")
        return {
            "key": self.cell.key,
            "best_epoch": (self.folder.done() or {})["best_epoch"],
            "weights_sha256": hashlib.sha256(weights).hexdigest(),
            "radius": self.radius,
            "ranges": list(RANGES),
        }

    def result(self) -> Measured | None:
        """What is measured, or None where that is of other weights or another grid, or not complete."""
        record = self._mine(WHOLE)
        return None if record is None else Measured(self.cell, record)

    def lines(self) -> Lines:
        """The lines that an interrupted measurement left."""
        return (self._mine(PARTIAL) or {}).get("lines", {})

    def _mine(self, name: str) -> dict[str, Any] | None:
        content = self.folder.folder.read_json(name)
        return content if content is not None and content["subject"] == self.subject() else None

    def spent(self) -> dict[str, float]:
        """How often test clips were read whole, and for how many seconds, by every measurement of the cell."""
        read = self.folder.folder.read_json
        last = read(PARTIAL) or read(WHOLE) or {}
        return {name: last.get(name, 0) for name in ("test_openings", "seconds")}


def num_measured(lines: Lines) -> int:
    """How many readings of the test clips the lines hold."""
    return sum(len(line) for line in lines.values())


def num_left(measurement: Measurement) -> int:
    """How many readings of the test clips are still to come."""
    return num_readings(measurement.radius) - num_measured(measurement.lines())


def measure_cell(measurement: Measurement, corpus: Corpus, advance: Callable[[int], None]) -> None:
    """Measure what is missing with the best epoch's weights; ``velocity.json`` is written when all is there."""
    experiment, folder = measurement.cell.experiment, measurement.folder
    run = Run.start(experiment, "cuda" if torch.cuda.is_available() else "cpu")
    folder.load_best(run)
    clips = corpus.stream(experiment.data, BATCH_SIZE)
    keep_partial(measurement, measure(run, clips, measurement.radius, measurement.lines(), advance))
    facts = {**measurement.spent(), "num_clips": clips.num_clips("test"), "machine": machine(run.device)}
    numbers = readable(measurement.lines(), measurement.radius)
    folder.folder.write_json(WHOLE, {"subject": measurement.subject(), **numbers, **facts})
    folder.folder.delete(PARTIAL)


def keep_partial(measurement: Measurement, growing: Iterable[Lines]) -> None:
    """Write the lines after every one that is added, and what the cell's measurements have cost so far."""
    subject, spent, began = measurement.subject(), measurement.spent(), time.monotonic()
    earlier = spent["test_openings"] - num_measured(measurement.lines())
    for lines in growing:
        seconds = spent["seconds"] + time.monotonic() - began
        content = {"subject": subject, "lines": lines, "seconds": seconds}
        content["test_openings"] = earlier + num_measured(lines)
        measurement.folder.folder.write_json(PARTIAL, content)


def readable(lines: Lines, radius: int) -> dict[str, Any]:
    """Complete lines as ``velocity.json`` holds them: a matrix with its axes, and V_k by name."""
    axis = list(span(radius))
    grid = {"vy": axis, "vx": axis, "accuracy": [lines[str(vy)] for vy in axis]}
    return {"grid": grid, "drawn": {f"V{k}": accuracy for k, accuracy in zip(RANGES, lines[DRAWN], strict=True)}}


def unmeasured(study: Study, cells: Sequence[Cell], radius: int) -> list[Measurement]:
    """The measurements that have no result."""
    wanted = [Measurement.of(study, cell, radius) for cell in cells]
    return [one for one in wanted if one.result() is None]


def measured(study: Study, row: ModelRow, asked: Sequence[Cell], radius: int) -> list[Measured]:
    """What is measured of the row's cells on this grid, whether this time or earlier.

    Where the registered cell that was asked for has another learning rate, it alone stands for the row.
    """
    like = {"optim.lr": row.lr, "epochs": row.experiment.epochs, "seed": row.experiment.seed}
    others = [c for c in asked if c.experiment.override(like) == row.experiment and c.experiment.optim.lr != row.lr]
    cells = others or [one.cell for one in row.chosen]
    results = [Measurement.of(study, cell, radius).result() for cell in cells]
    return [result for result in results if result is not None]
