"""The protocol of every measure: how a cell is measured, and what tables, figures and MLflow show of it.

A measure reads the test clips of a finished cell with the best epoch's weights. It writes the result into the cell's
folder with a checksum, the SHA-256 of the weights and the measure's settings. Other weights or settings need another
measurement. The command (:mod:`tune.commands.evaluate`), the report
(``tune/report.py``) and MLflow (:mod:`tune.tracking.measures`) know measures by this protocol alone.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Generic, TypeVar

from data.stream import Corpus, Stream
from fernn.config import DATA, DataConfig, TaskName
from fernn.files.checkpoint import Tensors, pack
from fernn.train.run import Run, available_device
from tune.analysis.plotting import ReportFigure
from tune.analysis.report_table import ReportTable
from tune.analysis.results import ModelRow
from tune.core.cell_folder import CellFolder
from tune.core.sealing import read_sealed, read_tensors, write_sealed
from tune.core.study import Cell, Study
from tune.core.test_access import SealedClips
from tune.engine.machine import machine

Advance = Callable[[int], None]
"""Called with the number of finished units of progress."""
Document = dict[str, Any]
"""Values that JSON can hold, by name."""


@dataclass(frozen=True)
class NoSettings:
    """A measure without options of its own."""


@dataclass(frozen=True)
class ResultFile:
    """The JSON file of a measurement in a cell's folder; tensors are beside it in a .safetensors file."""

    folder: CellFolder
    name: str
    command: str
    """The script that measures again, for messages."""
    needed: Sequence[str] = ()
    """The fields that the file must have, beside the subject that decides the result."""

    def read(self) -> Document | None:
        """The content, None where there is no such file; raises DamagedError."""
        return read_sealed(self.folder.folder, self.name, self._way_out, "subject", *self.needed)

    def read_of(self, subject: Document) -> Document | None:
        """The content, None where it is of another subject."""
        content = self.read()
        return content if content is not None and content["subject"] == subject else None

    def tensors_of(self, subject: Document) -> Tensors:
        """The tensors, empty where there are none, or of another subject; raises DamagedError."""
        tensors, stored_subject = read_tensors(self.folder.folder, self._beside, self._way_out)
        return tensors if stored_subject == subject else {}

    def write(self, content: Document, tensors: Tensors | None = None) -> None:
        """Write the tensors, then the content, whose presence shows that both are complete."""
        if tensors is not None:
            self.folder.folder.write(self._beside, pack(tensors, content["subject"]))
        write_sealed(self.folder.folder, self.name, content)

    def delete(self) -> None:
        """Remove the file."""
        self.folder.folder.delete(self.name)

    @property
    def _beside(self) -> str:
        return f"{self.name.removesuffix('.json')}.safetensors"

    @property
    def _way_out(self) -> str:
        return f"delete {self.name}, and python tune/{self.command} measures it again"


@dataclass(frozen=True)
class CellMeasurement(ABC):
    """One finished cell, to be measured with certain settings."""

    cell: Cell
    folder: CellFolder

    purpose: ClassVar[str]
    """The purpose of reading test clips, for the cell's ``openings.jsonl``."""

    @property
    @abstractmethod
    def file(self) -> ResultFile:
        """The file of the result."""

    @property
    @abstractmethod
    def way(self) -> Any:
        """The value by which :meth:`Measure.results` finds measurements with the same settings."""

    @abstractmethod
    def settings(self) -> Document:
        """The settings that decide the result beside the weights."""

    @abstractmethod
    def num_units(self, corpus: Corpus) -> int:
        """The number of units of progress of a whole measurement."""

    @abstractmethod
    def take(self, run: Run, corpus: Corpus, advance: Advance) -> tuple[Document, Tensors | None]:
        """Measure with ``run``, which has the best epoch's weights: the result, and tensors to keep beside it."""

    def num_done(self) -> int:
        """The number of units that an interrupted measurement has finished."""
        return 0

    @property
    def data(self) -> DataConfig:
        """The config of the clips that are read."""
        return self.cell.experiment.data

    def subject(self) -> Document:
        """Everything that decides the result."""
        return {"key": self.cell.key, "weights_sha256": self.folder.best_sha256(), **self.settings()}

    def result(self) -> Document | None:
        """The result, None where there is none with these weights and settings."""
        return self.file.read_of(self.subject())

    def measure(self, corpus: Corpus, advance: Advance) -> None:
        """Measure, and write the result into the cell's folder."""
        began = time.monotonic()
        run = Run.start(replace(self.cell.experiment, data=self.data), available_device())
        self.folder.load_best(run)
        content, tensors = self.take(run, corpus, advance)
        costs = {"seconds": time.monotonic() - began, "machine": machine(run.device)}
        self.file.write({"subject": self.subject(), **costs, **content}, tensors)

    def opened(self, run: Run, corpus: Corpus, batch_size: int | None = None) -> Stream:
        """The cell's clips, test clips included; the cell's folder records that they are read, and the purpose."""
        clips = corpus.stream(self.data, batch_size or self.cell.experiment.batch_size, run.device)
        return SealedClips(clips, self.folder).opened(self.purpose)


@dataclass(frozen=True)
class ShownRow:
    """A row of the study's table, and its measured cells: by default those of the chosen learning rate."""

    row: ModelRow
    cells: Sequence[Cell]

    @classmethod
    def of(cls, row: ModelRow) -> "ShownRow":
        """The row with all its cells."""
        return cls(row, [one.cell for one in row.chosen])

    @property
    def label(self) -> str:
        """See :class:`tune.analysis.results.ModelRow`."""
        return self.row.label

    @property
    def lr(self) -> float:
        """The learning rate of the cells."""
        return self.cells[0].experiment.optim.lr


@dataclass(frozen=True)
class Point:
    """A number for MLflow: the metric's name, its value, and its step."""

    name: str
    value: float
    step: int = 0


@dataclass(frozen=True)
class RunRecord:
    """The content of one run in MLflow for a measure."""

    node: str
    """The run: "cell/KEY", "model/LABEL" or "study", see :mod:`tune.tracking.run_tree`."""
    document: Any
    """All results as JSON. A run that already has this document is not changed."""
    points: Sequence[Point]
    files: Callable[[], Mapping[str, bytes]]
    """Makes the files beside the document, by name."""


class Results(ABC):
    """The measurements of a study's models with the same settings, of at least one model."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The measure's name, and that of its JSON file in MLflow."""

    @property
    def view(self) -> str:
        """The name of the table and of the folder of artifacts in MLflow, and the prefix of metrics."""
        return self.name

    @abstractmethod
    def documents(self) -> list[Document]:
        """Each model's numbers, as ``--json`` prints them."""

    @abstractmethod
    def table(self) -> ReportTable:
        """A row for each model."""

    @abstractmethod
    def figures(self) -> Iterator[ReportFigure]:
        """The figures of a report."""

    @abstractmethod
    def run_records(self) -> Iterator[RunRecord]:
        """The content of MLflow's runs."""


S = TypeVar("S")


class Measure(ABC, Generic[S]):
    """One way of measuring finished cells."""

    name: ClassVar[str]
    """A word: the prefix of artifacts and metrics in MLflow."""
    title: ClassVar[str]
    """The name in a sentence."""
    clips: ClassVar[str]
    """The data on which it is defined, in words."""
    tasks: ClassVar[Sequence[TaskName]] = ()
    """The tasks of the data on which it is defined; :meth:`is_defined_on` may decide otherwise."""
    description: ClassVar[str]
    """The text of ``--help``."""
    command: ClassVar[str]
    """The script, with its arguments."""
    unit: ClassVar[str]
    """The unit of progress, in the plural."""
    settings: ClassVar[type[Any]] = NoSettings
    """A frozen dataclass S of the measure's own options."""

    def is_defined_on(self, data: DataConfig) -> bool:
        """Whether cells that were trained on the data can be measured."""
        return data.task in self.tasks

    def data_names(self) -> list[str]:
        """The names of the data sets on which it is defined."""
        return [name for name, data in DATA.items() if self.is_defined_on(data)]

    def check(self, study: Study, settings: S) -> None:
        """Raises StudyError for settings that do not fit the study."""

    @abstractmethod
    def measurements(self, study: Study, cells: Sequence[Cell], settings: S) -> Sequence[CellMeasurement]:
        """The measurements of the cells; raises StudyError for settings that do not fit them."""

    @abstractmethod
    def ways(self, study: Study, cells: Sequence[Cell]) -> Sequence[Any]:
        """The ways of measuring that a report shows, from the cells' folders."""

    @abstractmethod
    def results(self, study: Study, rows: Sequence[ShownRow], way: Any) -> Results | None:
        """The measurements of one way, None where there are none."""

    def known(self, study: Study, rows: Sequence[ModelRow]) -> Iterator[Results]:
        """All measurements in the folders of the rows' cells."""
        if not rows or not self.is_defined_on(rows[0].experiment.data):
            return
        shown = [ShownRow.of(row) for row in rows]
        for way in self.ways(study, [cell for one in shown for cell in one.cells]):
            if (results := self.results(study, shown, way)) is not None:
                yield results
