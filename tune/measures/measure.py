"""The protocol of every measure: how a cell is measured, and what tables, figures and MLflow show of it.

A measure reads the test clips of a finished cell with the best epoch's weights. It writes the result into the cell's
folder with a checksum, the SHA-256 of the weights and the measure's settings. Other weights or settings need another
measurement. The command (:mod:`tune.commands.evaluate`), the report (``tune/report.py``) and MLflow
(:mod:`tune.tracking.mlflow_tracker`) know measures by this protocol alone.
"""

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Generic, TypeVar

from data.stream import Corpus, Stream
from fernn.config import DataConfig, TaskName
from fernn.files.checkpoint import Tensors, pack
from fernn.train.run import Run, available_device
from tune.analysis.plotting import ReportFigure, file_name
from tune.analysis.results import ModelRow
from tune.analysis.statistics import mean_and_deviation
from tune.core.cell_folder import CellFolder
from tune.core.console import ReportTable
from tune.core.study import Cell, Study
from tune.engine.machine import machine

Document = dict[str, Any]
"""Values that JSON can hold, by name."""
Advance = Callable[[int], None]
"""Called with the number of finished units of progress."""


@dataclass(frozen=True)
class ResultFile:
    """The JSON file of a measurement in a cell's folder; tensors are beside it in a .safetensors file."""

    folder: CellFolder
    name: str
    command: str
    """The script that measures again, for messages."""
    needed: Sequence[str] = ()
    """The fields that the file must have, beside the subject that decides the result."""

    def read(self, subject: Document | None = None) -> Document | None:
        """The content, None where there is none or, if a subject is given, one of another; raises DamagedError."""
        content = self.folder.folder.read_sealed(self.name, self._way_out, "subject", *self.needed)
        return content if content is None or subject in (None, content["subject"]) else None

    def tensors_of(self, subject: Document) -> Tensors:
        """The tensors, empty where there are none, or of another subject; raises DamagedError."""
        tensors, stored_subject = self.folder.folder.read_tensors(self._beside, self._way_out)
        return tensors if stored_subject == subject else {}

    def write(self, content: Document, tensors: Tensors | None = None) -> None:
        """Write the tensors, then the content, whose presence shows that both are complete."""
        if tensors is not None:
            self.folder.folder.write(self._beside, pack(tensors, content["subject"]))
        self.folder.folder.write_sealed(self.name, content)

    @property
    def _beside(self) -> str:
        return f"{self.name.removesuffix('.json')}.safetensors"

    @property
    def _way_out(self) -> str:
        return f"delete {self.name}, and python tune/{self.command} measures it again"


@dataclass(frozen=True)
class CellMeasurement(ABC):
    """One finished cell, to be measured in one way."""

    kind: "Measure[Any]"
    cell: Cell
    folder: CellFolder
    way: Any
    """The settings, or another value by which :meth:`Measure.results` finds measurements with the same settings."""

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
        """Everything that decides the result, as a file has it."""
        subject = {"key": self.cell.key, "weights_sha256": self.folder.best_sha256(), **self.settings()}
        return dict(json.loads(json.dumps(subject)))

    def result(self) -> Document | None:
        """The result, None where there is none with these weights and settings."""
        return self.kind.file_of(self.folder, self.way).read(self.subject())

    def measure(self, corpus: Corpus, advance: Advance) -> None:
        """Measure, and write the result into the cell's folder."""
        began = time.monotonic()
        run = Run.start(replace(self.cell.experiment, data=self.data), available_device())
        self.folder.load_best(run)
        content, tensors = self.take(run, corpus, advance)
        costs = {"seconds": time.monotonic() - began, "machine": machine(run.device)}
        self.kind.file_of(self.folder, self.way).write({"subject": self.subject(), **costs, **content}, tensors)

    def opened(self, run: Run, corpus: Corpus, batch_size: int | None = None) -> Stream:
        """The cell's clips, test clips included; the cell's ``openings.jsonl`` records that they are read, and why."""
        self.folder.log_opening(f"{self.kind.name} evaluation")
        return corpus.stream(self.data, batch_size or self.cell.experiment.batch_size, run.device)


@dataclass(frozen=True)
class MeasuredRow:
    """A row of the study's table, and its measured cells, one for each seed."""

    row: ModelRow
    cells: Sequence[Cell]
    study: Study
    way: Any
    contents: Sequence[Document]
    """The content of each cell's file."""
    tensors: Tensors
    """Those beside the first cell's file."""

    @property
    def label(self) -> str:
        """The row's name in tables and figures."""
        return self.row.label

    @property
    def legend(self) -> str:
        """The label in a figure's legend."""
        return f"{self.label} (n = {len(self.cells)})"

    def values(self, content: Document) -> Mapping[Any, float]:
        """One seed's numbers, by name."""
        return content["numbers"]

    @cached_property
    def statistics(self) -> dict[Any, tuple[float, float | None]]:
        """Mean and sample standard deviation over seeds by name."""
        seeds = [self.values(content) for content in self.contents]
        return {name: mean_and_deviation([seed[name] for seed in seeds]) for name in seeds[0]}

    @property
    def means(self) -> dict[Any, float]:
        """The mean over seeds by name."""
        return {name: mean for name, (mean, _) in self.statistics.items()}

    def document(self) -> Document:
        """All results as ``--json`` prints them, here those that every measure has."""
        return {"label": self.label, "learning_rate": self.row.choice.rate, "n": len(self.cells)}


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


R = TypeVar("R", bound=MeasuredRow)


@dataclass(frozen=True)
class Results(ABC, Generic[R]):
    """The measurements of a study's models with the same settings, of at least one model."""

    kind: "Measure[Any]"
    study: Study
    models: Sequence[R]

    @property
    def view(self) -> str:
        """The name of the table and of the folder of artifacts in MLflow, and the prefix of metrics."""
        return self.kind.name

    @abstractmethod
    def table(self) -> ReportTable:
        """A row for each model."""

    def table_of(
        self, title: str, columns: Iterable[str], texts: Iterable[Sequence[str]], *remarks: str
    ) -> ReportTable:
        """The table with label, learning rate and number of seeds of each model, and its ``texts`` in the columns."""
        heads = [[model.label, f"{model.row.choice.rate:g}", str(len(model.cells))] for model in self.models]
        rows = [[*head, *line] for head, line in zip(heads, texts, strict=True)]
        header = ("model", "learning rate", "n", *columns)
        return ReportTable(file_name(self.view), f"{self.study.name}: {title}", header, rows, remarks)

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
    settings: ClassVar[type[Any]]
    """A frozen dataclass S of the measure's own options."""
    needed: ClassVar[Sequence[str]]
    """The fields that a result's file must have, see :class:`ResultFile`."""
    measurement_type: ClassVar[type[CellMeasurement]]
    row_type: ClassVar[type[MeasuredRow]]
    results_type: ClassVar[type[Results[Any]]]

    def is_defined_on(self, data: DataConfig) -> bool:
        """Whether cells that were trained on the data can be measured."""
        return data.task in self.tasks

    def check(self, study: Study, settings: S) -> None:
        """Raises StudyError for settings that do not fit the study."""

    def file_of(self, folder: CellFolder, way: Any = None) -> ResultFile:
        """The file of a cell's last measurement."""
        return ResultFile(folder, f"{self.name}.json", self.command, self.needed)

    def measurements(self, study: Study, cells: Sequence[Cell], settings: S) -> Sequence[CellMeasurement]:
        """The measurements of the cells; raises StudyError for settings that do not fit them."""
        return [self.measurement_type(self, cell, study.cell_folder(cell), settings) for cell in cells]

    def subjects(self, study: Study, cells: Sequence[Cell]) -> list[Document]:
        """The subjects of the cells' last measurements."""
        return [content["subject"] for cell in cells if (content := self.file_of(study.cell_folder(cell)).read())]

    @abstractmethod
    def ways(self, study: Study, cells: Sequence[Cell]) -> Sequence[Any]:
        """The ways of measuring that a report shows, from the cells' folders."""

    def contents(self, study: Study, cells: Sequence[Cell], way: Any) -> dict[Cell, Document]:
        """The contents of the files of cells that are measured in that way, which here is the settings."""
        contents = {measurement.cell: measurement.result() for measurement in self.measurements(study, cells, way)}
        return {cell: content for cell, content in contents.items() if content is not None}

    def models(self, study: Study, row: ModelRow, way: Any) -> Sequence[MeasuredRow]:
        """The row with its measurements of one way, empty where there are none."""
        contents = self.contents(study, [result.cell for result in row.chosen], way)
        if not contents:
            return []
        first, content = next(iter(contents.items()))
        tensors = self.file_of(study.cell_folder(first), way).tensors_of(content["subject"])
        return [self.row_type(row, [*contents], study, way, [*contents.values()], tensors)]

    def results(self, study: Study, rows: Sequence[ModelRow], way: Any) -> Results[Any] | None:
        """The measurements of one way, None where there are none."""
        models = [model for row in rows for model in self.models(study, row, way)]
        return self.results_type(self, study, models) if models else None
