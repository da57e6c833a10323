"""A base for measures of a few named numbers for each cell, which define two methods.

``docs/extend/measure.md`` has a worked example.
"""

import json
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from math import isfinite
from typing import Any, Generic

from data.stream import Corpus, Stream
from fernn.files.checkpoint import Tensors
from fernn.train.run import Run
from tune.analysis.plotting import ReportFigure
from tune.analysis.report_table import ReportTable
from tune.analysis.statistics import mean_and_deviation
from tune.core.cell_folder import CellFolder
from tune.core.study import Cell, Study
from tune.measures.measure import (
    Advance,
    CellMeasurement,
    Document,
    Measure,
    Point,
    ResultFile,
    Results,
    RunRecord,
    S,
    ShownRow,
)


class NumbersMeasure(Measure[S]):
    """A measure of named numbers, each from one pass over the test clips, kept in a cell's ``NAME.json``."""

    unit = "passes over the test clips"

    @abstractmethod
    def num_passes(self, settings: S) -> int:
        """The number of named numbers."""

    @abstractmethod
    def numbers(self, run: Run, clips: Stream, settings: S) -> Iterator[tuple[str, float]]:
        """Each number's name and value; ``run`` has the best epoch's weights."""

    def text(self, name: str, mean: float, deviation: float | None) -> str:
        """A number in tables, mean and sample standard deviation over seeds."""
        return f"{mean:.4g}" + ("" if deviation is None else f" ± {deviation:.2g}")

    def drawn(self, results: "NumbersResults[S]") -> Iterator[ReportFigure]:
        """The figures of a report, by default none."""
        yield from ()

    @property
    def command(self) -> str:  # type: ignore[override]
        return f"measure_eval.py {self.name}"

    def file_of(self, folder: CellFolder) -> ResultFile:
        """The file of a cell's last measurement."""
        return ResultFile(folder, f"{self.name}.json", self.command, ("numbers",))

    def measurements(self, study: Study, cells: Sequence[Cell], settings: S) -> "list[NumbersMeasurement[S]]":
        return [NumbersMeasurement(cell, study.cell_folder(cell), self, settings) for cell in cells]

    def ways(self, study: Study, cells: Sequence[Cell]) -> list[S]:
        """The settings of most cells' last measurements, the first of equal counts."""
        contents = [self.file_of(study.cell_folder(cell)).read() for cell in cells]
        parsed = [self._parsed(content["subject"]["settings"]) for content in contents if content is not None]
        known = [settings for settings in parsed if settings is not None]
        return [max(known, key=known.count)] if known else []

    def _parsed(self, values: Mapping[str, Any]) -> S | None:
        """The settings of a file; None for those of an earlier version of the measure, which had other fields."""
        fields = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
        try:
            return self.settings(**fields)
        except TypeError:
            return None

    def results(self, study: Study, rows: Sequence[ShownRow], way: S) -> "NumbersResults[S] | None":
        models = []
        for shown in rows:
            each = [(one.cell, one.result()) for one in self.measurements(study, shown.cells, way)]
            seeds = {cell: content["numbers"] for cell, content in each if content is not None}
            models += [ModelNumbers(shown, seeds)] if seeds else []
        return NumbersResults(self, study, models) if models else None


@dataclass(frozen=True)
class NumbersMeasurement(CellMeasurement, Generic[S]):
    """One finished cell, to be measured with certain settings."""

    kind: NumbersMeasure[S]
    chosen: S

    @property
    def way(self) -> S:
        return self.chosen

    @property
    def purpose(self) -> str:  # type: ignore[override]
        return f"{self.kind.name} evaluation"

    @property
    def file(self) -> ResultFile:
        return self.kind.file_of(self.folder)

    def settings(self) -> Document:
        return {"settings": json.loads(json.dumps(asdict(self.chosen)))}  # type: ignore[call-overload]

    def num_units(self, corpus: Corpus) -> int:
        return self.kind.num_passes(self.chosen)

    def take(self, run: Run, corpus: Corpus, advance: Advance) -> tuple[Document, Tensors | None]:
        clips, numbers = self.opened(run, corpus), {}
        for name, value in self.kind.numbers(run, clips, self.chosen):
            numbers[name] = value
            advance(1)
        return {"numbers": numbers, "num_clips": clips.num_clips("test")}, None


@dataclass(frozen=True)
class ModelNumbers:
    """The measurements of one row of the study's table."""

    shown: ShownRow
    seeds: Mapping[Cell, Mapping[str, float]]
    """By cell, one a seed: its numbers by name."""

    @cached_property
    def statistics(self) -> dict[str, tuple[float, float | None]]:
        """Mean and sample standard deviation over seeds by name."""
        values = list(self.seeds.values())
        return {name: mean_and_deviation([seed[name] for seed in values]) for name in values[0]}

    def document(self) -> Document:
        """All results as JSON."""
        numbers = {name: {"mean": mean, "deviation": deviation} for name, (mean, deviation) in self.statistics.items()}
        seeds = {str(cell.experiment.seed): dict(values) for cell, values in self.seeds.items()}
        row = {"label": self.shown.label, "learning_rate": self.shown.lr, "n": len(self.seeds)}
        return {**row, "numbers": numbers, "seeds": seeds}


@dataclass(frozen=True)
class NumbersResults(Results, Generic[S]):
    """The measurements of a study's models with the same settings."""

    kind: NumbersMeasure[S]
    study: Study
    models: Sequence[ModelNumbers]

    @property
    def name(self) -> str:
        return self.kind.name

    def documents(self) -> list[Document]:
        return [model.document() for model in self.models]

    def table(self) -> ReportTable:
        rows = []
        for one in self.models:
            texts = [self.kind.text(name, *pair) for name, pair in one.statistics.items()]
            rows.append([one.shown.label, f"{one.shown.lr:g}", str(len(one.seeds)), *texts])
        header = ("model", "learning rate", "n", *self.models[0].statistics)
        return ReportTable(self.view, f"{self.study.name}: {self.kind.title}", header, rows)

    def figures(self) -> Iterator[ReportFigure]:
        return self.kind.drawn(self)

    def run_records(self) -> Iterator[RunRecord]:
        for model in self.models:
            for cell, numbers in model.seeds.items():
                yield RunRecord(f"cell/{cell.key}", dict(numbers), self._points(numbers), dict)
            means = {name: mean for name, (mean, _) in model.statistics.items()}
            yield RunRecord(f"model/{model.shown.label}", model.document(), self._points(means), dict)
        yield RunRecord("study", self.documents(), [], dict)

    def _points(self, numbers: Mapping[str, float]) -> list[Point]:
        return [Point(f"{self.view}/{name}", value) for name, value in numbers.items() if isfinite(value)]
