"""A cell's length generalization: the test error of every predicted frame, far beyond the trained horizon.

A finished cell's folder then holds ``length.json``: mean and standard deviation
over the test sequences (n in the denominator, as published) for every frame, and the SHA-256 of the weights; and
``length.safetensors``: a few of the sequences with the frames predicted.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

from data.stream import Corpus, Stream
from fernn.batch import Batch
from fernn.config import DigitsConfig
from fernn.files.checkpoint import Tensors
from fernn.train.prediction import FrameErrors
from fernn.train.run import Run
from tune.core.cell_folder import CellFolder
from tune.core.study import Cell, Study
from tune.engine.trial import keep_first
from tune.measures.measure import Advance, CellMeasurement, Document, ResultFile

COMMAND = "length_eval.py"


@dataclass(frozen=True)
class LengthMeasurement(CellMeasurement):
    """One finished cell of a prediction task, to be measured over ``horizon`` frames."""

    horizon: int

    purpose = "length evaluation"

    @classmethod
    def of(cls, study: Study, cell: Cell, horizon: int) -> Self:
        """The measurement of a cell of the study."""
        return cls(cell, study.cell_folder(cell), horizon)

    @property
    def file(self) -> ResultFile:
        return file_of(self.folder)

    @property
    def way(self) -> int:
        return self.horizon

    @property
    def data(self) -> DigitsConfig:
        """The cell's test set with longer sequences, whose first frames are the same."""
        data = self.cell.experiment.data
        assert isinstance(data, DigitsConfig)
        return replace(data, num_frames=data.input_frames + self.horizon)

    def settings(self) -> Document:
        return {"horizon": self.horizon}

    def num_units(self, corpus: Corpus) -> int:
        return self.data.num_sequences[2]

    def take(self, run: Run, corpus: Corpus, advance: Advance) -> tuple[Document, Tensors | None]:
        """Errors (n, horizon) become a mean and a deviation (horizon,)."""
        first: list[Batch] = []
        predictions = run.predict(keep_first(_counted(self.opened(run, corpus), advance), first))
        assert isinstance(predictions, FrameErrors)
        errors = predictions.errors.double()
        mean, deviation = errors.mean(dim=0).tolist(), errors.std(dim=0, correction=0).tolist()
        return {"mean": mean, "deviation": deviation, "num_sequences": len(errors)}, run.look_at(first[0])


def file_of(folder: CellFolder) -> ResultFile:
    """The file of a cell's last measurement."""
    return ResultFile(folder, "length.json", COMMAND, ("mean", "deviation"))


def measured_horizon(folder: CellFolder) -> int | None:
    """The horizon of a cell's last measurement, None where there is none."""
    content = file_of(folder).read()
    return None if content is None else int(content["subject"]["horizon"])


def _counted(clips: Stream, advance: Advance) -> Iterator[Batch]:
    for batch in clips.evaluation("test"):
        yield batch
        advance(len(batch.ids))
