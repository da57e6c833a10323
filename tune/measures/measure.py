"""The one protocol of every measure: what is measured of a cell, how it is shown, and what MLflow gets.

A measure reads the test clips of a finished cell with the best epoch's weights. It keeps what it finds in the cell's
folder, sealed with a checksum, beside what decides it: the weights and the measure's settings. A result of other
weights or settings is not taken for this one. The command (:mod:`tune.commands.evaluate`), the report
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
from tune.analysis.results import ModelRow
from tune.analysis.sheet import Sheet
from tune.core.cell_folder import CellFolder
from tune.core.sealing import read_sealed, read_tensors, write_sealed
from tune.core.study import Cell, Study
from tune.core.test_access import SealedClips
from tune.engine.machine import machine

Advance = Callable[[int], None]
"""Is told of units that are done."""
Document = dict[str, Any]
"""Facts that JSON can hold."""


@dataclass(frozen=True)
class NoSettings:
    """A measure without options of its own."""


@dataclass(frozen=True)
class ResultFile:
    """A JSON file in a cell's folder that holds what was measured; tensors lie beside it in a .safetensors."""

    folder: CellFolder
    name: str
    command: str
    """The script that measures again, for messages."""
    needed: Sequence[str] = ()
    """What the file must have to be whole, beside the subject that decides the result."""

    def read(self) -> Document | None:
        """The content, None where there is no such file; raises DamagedError."""
        return read_sealed(self.folder.folder, self.name, self._way_out, "subject", *self.needed)

    def read_of(self, subject: Document) -> Document | None:
        """The content, None where it is of another subject."""
        content = self.read()
        return content if content is not None and content["subject"] == subject else None

    def tensors_of(self, subject: Document) -> Tensors:
        """The tensors, empty where there are none, or of another subject; raises DamagedError."""
        tensors, facts = read_tensors(self.folder.folder, self._beside, self._way_out)
        return tensors if facts == subject else {}

    def write(self, content: Document, tensors: Tensors | None = None) -> None:
        """Keep the tensors, then the content, which says that all is there."""
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
    """What the test clips are read for, as the cell's ``openings.jsonl`` has it."""

    @property
    @abstractmethod
    def file(self) -> ResultFile:
        """Where the result is kept."""

    @property
    @abstractmethod
    def way(self) -> Any:
        """The value by which :meth:`Measure.results` finds what was measured with the same settings."""

    @abstractmethod
    def settings(self) -> Document:
        """What decides the result beside the weights."""

    @abstractmethod
    def num_units(self, corpus: Corpus) -> int:
        """How many units of progress a whole measurement has."""

    @abstractmethod
    def take(self, run: Run, corpus: Corpus, advance: Advance) -> tuple[Document, Tensors | None]:
        """Measure with the best epoch's weights, which ``run`` has: the result, and tensors to keep beside it."""

    def num_done(self) -> int:
        """How many units an interrupted measurement has left behind."""
        return 0

    @property
    def data(self) -> DataConfig:
        """The clips that are read."""
        return self.cell.experiment.data

    def subject(self) -> Document:
        """What decides the result."""
        return {"key": self.cell.key, "weights_sha256": self.folder.best_sha256(), **self.settings()}

    def result(self) -> Document | None:
        """What is measured; None where that is of other weights or settings."""
        return self.file.read_of(self.subject())

    def measure(self, corpus: Corpus, advance: Advance) -> None:
        """Measure, and keep what is measured in the cell's folder."""
        began = time.monotonic()
        run = Run.start(replace(self.cell.experiment, data=self.data), available_device())
        self.folder.load_best(run)
        content, tensors = self.take(run, corpus, advance)
        costs = {"seconds": time.monotonic() - began, "machine": machine(run.device)}
        self.file.write({"subject": self.subject(), **costs, **content}, tensors)

    def opened(self, run: Run, corpus: Corpus, batch_size: int | None = None) -> Stream:
        """The cell's clips, test clips included; the cell's folder notes that they are read, and what for."""
        clips = corpus.stream(self.data, batch_size or self.cell.experiment.batch_size, run.device)
        return SealedClips(clips, self.folder).opened(self.purpose)


@dataclass(frozen=True)
class ShownRow:
    """A row of the study's table, and the cells that stand for it: those of the chosen learning rate, one a seed."""

    row: ModelRow
    cells: Sequence[Cell]

    @classmethod
    def of(cls, row: ModelRow) -> "ShownRow":
        """The row with all its cells."""
        return cls(row, [one.cell for one in row.chosen])

    @property
    def label(self) -> str:
        """The model, and what else tells its rows apart."""
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
    """What one run in MLflow shows of a measure."""

    node: str
    """The run: "cell/KEY", "model/LABEL" or "study", see :mod:`tune.tracking.run_tree`."""
    document: Any
    """All of it as JSON; the run is left alone where it shows this already."""
    points: Sequence[Point]
    files: Callable[[], Mapping[str, bytes]]
    """Makes the files beside the document, by name."""


class Results(ABC):
    """What is measured of a study's models with the same settings: never empty."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The measure's name, which its JSON file in MLflow has, too."""

    @property
    def view(self) -> str:
        """The name of the table, of the folder of artifacts in MLflow, and what metrics' names begin with."""
        return self.name

    @abstractmethod
    def documents(self) -> list[Document]:
        """Each model's numbers, as ``--json`` prints them."""

    @abstractmethod
    def table(self) -> Sheet:
        """A line for each model."""

    @abstractmethod
    def figures(self) -> Iterator[ReportFigure]:
        """The figures of a report, none where there is nothing to draw."""

    @abstractmethod
    def run_records(self) -> Iterator[RunRecord]:
        """What MLflow's runs show."""


S = TypeVar("S")


class Measure(ABC, Generic[S]):
    """One way of measuring finished cells."""

    name: ClassVar[str]
    """A word; artifacts and metrics in MLflow begin with it."""
    title: ClassVar[str]
    """The name in a sentence."""
    clips: ClassVar[str]
    """Which data it is defined for, in words."""
    tasks: ClassVar[Sequence[TaskName]] = ()
    """The tasks of the data on which it is defined; what else decides that is said by :meth:`is_defined_on`."""
    description: ClassVar[str]
    """What ``--help`` says."""
    command: ClassVar[str]
    """The script, with what is typed after it."""
    unit: ClassVar[str]
    """What progress counts."""
    settings: ClassVar[type[Any]] = NoSettings
    """A frozen dataclass S: the command's options that are the measure's own."""

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
        """The ways in which cells were measured that a report shows, from what their folders hold."""

    @abstractmethod
    def results(self, study: Study, rows: Sequence[ShownRow], way: Any) -> Results | None:
        """What is measured in one way, None where nothing is."""

    def known(self, study: Study, rows: Sequence[ModelRow]) -> Iterator[Results]:
        """All that the folders of the rows' cells hold."""
        if not rows or not self.is_defined_on(rows[0].experiment.data):
            return
        shown = [ShownRow.of(row) for row in rows]
        for way in self.ways(study, [cell for one in shown for cell in one.cells]):
            if (found := self.results(study, shown, way)) is not None:
                yield found
