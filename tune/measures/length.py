"""A cell's length generalization: the test error of every predicted frame, far beyond those that training asked for.

A finished cell's folder then holds ``length.json``: mean and standard deviation
over the test sequences (n in the denominator, as published) for every frame, and of which weights; and
``length.safetensors``: a few of the sequences with the frames predicted.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from data.stream import Corpus, Stream
from fernn.batch import Batch
from fernn.config import DigitsConfig
from fernn.files.checkpoint import Tensors, pack
from fernn.train.prediction import FrameErrors
from fernn.train.run import Run, available_device
from tune.core.cell_folder import CellFolder
from tune.core.sealing import read_sealed, read_tensors, write_sealed
from tune.core.study import Cell, Study
from tune.core.test_access import LENGTH, Sealed
from tune.engine.machine import machine
from tune.engine.trial import keep_first

FILE, EXAMPLES = "length.json", "length.safetensors"
WAY_OUT = "delete length.json, and python tune/length_eval.py measures it anew"


@dataclass(frozen=True)
class LengthMeasurement:
    """One finished cell of a prediction task, to be measured over ``horizon`` frames."""

    cell: Cell
    folder: CellFolder
    horizon: int

    @classmethod
    def of(cls, study: Study, cell: Cell, horizon: int) -> "LengthMeasurement":
        """The measurement of a cell of the study."""
        return cls(cell, study.cell_folder(cell), horizon)

    @property
    def data(self) -> DigitsConfig:
        """The cell's test set with as many frames more as are asked for: the first ones are the same."""
        data = self.cell.experiment.data
        assert isinstance(data, DigitsConfig)
        return replace(data, num_frames=data.input_frames + self.horizon)

    def subject(self) -> dict[str, Any]:
        """What decides the result."""
        return {"key": self.cell.key, "weights_sha256": self.folder.best_sha256(), "horizon": self.horizon}

    def result(self) -> dict[str, Any] | None:
        """What is measured, or None where that is of other weights or another horizon."""
        content = _read(self.folder)
        return content if content is not None and content["subject"] == self.subject() else None

    def examples(self) -> Tensors:
        """A few clips with the frames predicted; empty where those are of other weights or another horizon."""
        tensors, facts = read_tensors(self.folder.folder, EXAMPLES, WAY_OUT)
        return tensors if facts == self.subject() else {}

    def measure(self, corpus: Corpus, advance: Callable[[int], None]) -> None:
        """Predict the test set's frames with the best epoch's weights and write down the errors."""
        experiment, began = self.cell.experiment, time.monotonic()
        run = Run.start(replace(experiment, data=self.data), available_device())
        self.folder.load_best(run)
        clips = Sealed(corpus.stream(self.data, experiment.batch_size, run.device), self.folder).opened(LENGTH)
        first: list[Batch] = []
        found = run.predict(keep_first(_counted(clips, advance), first))
        assert isinstance(found, FrameErrors)
        errors = found.errors.double()
        content = {
            "subject": self.subject(),
            "mean": errors.mean(dim=0).tolist(),
            "deviation": errors.std(dim=0, correction=0).tolist(),
            "num_sequences": len(errors),
            "seconds": time.monotonic() - began,
            "machine": machine(run.device),
        }
        self.folder.folder.write(EXAMPLES, pack(run.look_at(first[0]), self.subject()))
        write_sealed(self.folder.folder, FILE, content)


def measured_horizon(folder: CellFolder) -> int | None:
    """How far a cell was measured last, None where it was not."""
    content = _read(folder)
    return None if content is None else int(content["subject"]["horizon"])


def _read(folder: CellFolder) -> dict[str, Any] | None:
    return read_sealed(folder.folder, FILE, WAY_OUT, "subject", "mean", "deviation")


def _counted(clips: Stream, advance: Callable[[int], None]) -> Iterator[Batch]:
    for batch in clips.evaluation("test"):
        yield batch
        advance(len(batch.ids))
