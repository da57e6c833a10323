"""A base for measures of a few named numbers for each cell, which define two methods.

``docs/extend/measure.md`` has a worked example.
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

from data.stream import Corpus, Stream
from fernn.files.checkpoint import Tensors
from fernn.train.run import Run
from tune.analysis.plotting import ReportFigure
from tune.core.console import ReportTable
from tune.core.study import Cell, Study
from tune.measures.measure import Advance, CellMeasurement, Document, Measure, MeasuredRow, Point, Results, RunRecord, S


@dataclass(frozen=True)
class NumbersMeasurement(CellMeasurement):
    """One finished cell, to be measured with certain settings."""

    kind: "NumbersMeasure[Any]"

    def settings(self) -> Document:
        return {"settings": asdict(self.way)}

    def num_units(self, corpus: Corpus) -> int:
        return self.kind.num_passes(self.way)

    def take(self, run: Run, corpus: Corpus, advance: Advance) -> tuple[Document, Tensors | None]:
        clips, numbers = self.opened(run, corpus), {}
        for name, value in self.kind.numbers(run, clips, self.way):
            numbers[name] = value
            advance(1)
        return {"numbers": numbers, "num_clips": clips.num_clips("test")}, None


class ModelNumbers(MeasuredRow):
    """The measurements of one row of the study's table."""

    def document(self) -> Document:
        numbers = {name: {"mean": mean, "deviation": deviation} for name, (mean, deviation) in self.statistics.items()}
        by_cell = zip(self.cells, self.contents, strict=True)
        seeds = {str(cell.experiment.seed): content["numbers"] for cell, content in by_cell}
        return super().document() | {"numbers": numbers, "seeds": seeds}


@dataclass(frozen=True)
class NumbersResults(Results[ModelNumbers]):
    """The measurements of a study's models with the same settings."""

    kind: "NumbersMeasure[Any]"

    def table(self) -> ReportTable:
        texts = [[self.kind.text(name, *pair) for name, pair in model.statistics.items()] for model in self.models]
        return self.table_of(self.kind.title, self.models[0].statistics, texts)

    def figures(self) -> Iterator[ReportFigure]:
        return self.kind.drawn(self)

    def run_records(self) -> Iterator[RunRecord]:
        for model in self.models:
            for cell, content in zip(model.cells, model.contents, strict=True):
                yield self._record(f"cell/{cell.key}", content["numbers"], content["numbers"])
            yield self._record(f"model/{model.label}", model.document(), model.means)
        yield self._record("study", [model.document() for model in self.models], {})

    def _record(self, node: str, document: Any, numbers: Mapping[str, float]) -> RunRecord:
        points = [Point(f"{self.view}/{name}", value) for name, value in numbers.items() if isfinite(value)]
        return RunRecord(node, document, points, dict)


class NumbersMeasure(Measure[S]):
    """A measure of named numbers, each from one pass over the test clips, kept in a cell's ``NAME.json``."""

    unit = "passes over the test clips"
    needed = ("numbers",)
    measurement_type, row_type, results_type = NumbersMeasurement, ModelNumbers, NumbersResults

    @abstractmethod
    def num_passes(self, settings: S) -> int:
        """The number of named numbers."""

    @abstractmethod
    def numbers(self, run: Run, clips: Stream, settings: S) -> Iterator[tuple[str, float]]:
        """Each number's name and value; ``run`` has the best epoch's weights."""

    def text(self, name: str, mean: float, deviation: float | None) -> str:
        """A number in tables, mean and sample standard deviation over seeds."""
        return f"{mean:.4g}" + ("" if deviation is None else f" ± {deviation:.2g}")

    def drawn(self, results: NumbersResults) -> Iterator[ReportFigure]:
        """The figures of a report, by default none."""
        yield from ()

    @property
    def command(self) -> str:  # type: ignore[override]
        return f"measure_eval.py {self.name}"

    def ways(self, study: Study, cells: Sequence[Cell]) -> list[S]:
        """The settings of most cells' last measurements, the first of equal counts."""
        parsed = [self._parsed(subject["settings"]) for subject in self.subjects(study, cells)]
        ways = [settings for settings in parsed if settings is not None]
        return [max(ways, key=ways.count)] if ways else []

    def _parsed(self, values: Mapping[str, Any]) -> S | None:
        """The settings of a file; None for those of an earlier version of the measure, which had other fields."""
        fields = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
        try:
            return self.settings(**fields)
        except TypeError:
            return None
