"""A study's table: its rows, and the remarks below them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fernn.train.run import task_of
from fernn.train.task import Metric
from tune.analysis.published import missing_values, obstacles, published_value, search_of
from tune.analysis.results import CellResult, ModelRow, imported_results, model_rows
from tune.analysis.significance import against_published
from tune.analysis.statistics import selection_rule
from tune.core.clips import openings_text
from tune.core.given_weights import ImportedCell, experiments
from tune.core.search_spec import Published, Search
from tune.core.study import Study, StudyError
from tune.reporting.stopping import scheduler_sentences

STAND_IN = "STAND-IN"
"""Marks a study on other data than its data set's name says."""


@dataclass(frozen=True)
class Table:
    """The study's table: trained rows, imported cells, and the search whose published numbers may stand beside them."""

    study: Study
    rows: Sequence[ModelRow]
    imported: Sequence[tuple[ImportedCell, CellResult]]
    search: Search | None
    obstacles: Sequence[str]

    @classmethod
    def of(cls, study: Study) -> "Table":
        """The table of all that is finished; raises StudyError where nothing is."""
        rows, imported = model_rows(study), imported_results(study)
        if not rows and not imported:
            raise StudyError(f"study {study.name!r} has no finished cell yet: run its search first")
        search = search_of(study)
        return cls(study, rows, imported, search, obstacles(study, search))

    @property
    def metric(self) -> Metric:
        """The metric of the table's numbers."""
        return task_of(experiments(self.study)[0].data).metric

    def texts(self) -> list[tuple[str, ...]]:
        """Every row as text, the imported ones last."""
        return [*map(row_cells, self.rows), *(imported_row_cells(*row) for row in self.imported)]

    def published(self, row: ModelRow) -> Published | None:
        """The published value beside a row, None where none is known or may be shown."""
        return None if self.obstacles or self.search is None else published_value(row, self.search)

    def remarks(self) -> list[str]:
        """The remarks below the table: rule, protocol, marks, and what is missing."""
        imported = ["Imported rows: weights from a file, not trained and not selected here."] * bool(self.imported)
        return [*notes(self.study), *law_breaches(self.rows), *self._published_remarks(), *imported]

    def _published_remarks(self) -> list[str]:
        if self.obstacles or self.search is None:
            return [f"No published values stand here: {'; '.join(self.obstacles)}."]
        missing = missing_values(self.rows, self.search)
        return [f"Published values not found: {', '.join(missing)}."] if missing else []


def notes(study: Study) -> list[str]:
    """The remarks below every table of the study; raises StudyError for a study without a cell."""
    if not experiments(study):
        raise StudyError(f"study {study.name!r} has no cell: run its search first")
    data = experiments(study)[0].data
    lines = [selection_rule(task_of(data).metric, experiments(study)[0]), *strategy(study), data.note()]
    lines += [f"{mark}; these numbers compare with no published ones." for mark in mark_lines(study)]
    models = [cell.experiment.model for cell in study.cells]
    lines += [OWN.format(name=name) for name in dict.fromkeys(model.name for model in models if model.is_own)]
    return lines + openings_text(study) + diverged(study) + incomplete(study)


OWN = "A model of a user's own, imported only where it is named, as in --models {name}, to measure or retrain it."


def mark_lines(study: Study) -> list[str]:
    """Each reason why the numbers do not compare with published ones."""
    demo = f"DEMO: {experiments(study)[0].data.demo_note}" if study.demo else ""
    partial = f"PARTIAL: {absent(study.partial)}" if study.partial else ""
    stand_in = f"{STAND_IN}: {study.stand_in}" if study.stand_in else ""
    return [mark for mark in (demo, stand_in, partial) if mark]


def law_breaches(rows: Sequence[ModelRow]) -> list[str]:
    """A remark for each best checkpoint that breaks the law of flow equivariance where it must hold."""
    return [
        f"EQUIVARIANCE: the best checkpoint of {row.label} gets no alias “best”: {'; '.join(row.breaches)}."
        for row in rows
        if row.breaches
    ]


def diverged(study: Study) -> list[str]:
    """A remark on the cells that have no result because their loss was not finite, where there are any."""
    names = [study.label(cell) for cell in study.diverged()]
    text = f"DIVERGED, and without a result: {', '.join(names)}. Learning rates with all seeds come before theirs."
    return [text] if names else []


def incomplete(study: Study) -> list[str]:
    """A remark on the cells that have no result yet, where there are any."""
    missing, to_come = len(study.missing()), study.num_to_come
    more = f", and {to_come} more are to be proposed" if to_come else ""
    text = f"INCOMPLETE: {missing} of {len(study.cells)} cells have no result yet{more}."
    return [text] if missing or to_come else []


def strategy(study: Study) -> list[str]:
    """A sentence on the sampler, and one on the scheduler, where they were used."""
    sentences = []
    if study.sampling:
        low, high = study.sampling["lr_range"]
        sentences.append(
            f"Learning rates: proposed for each model by Optuna's {study.sampling['sampler'].upper()} sampler from "
            f"mean validation {study.metric.title}, log-uniform from {low:g} to {high:g}."
        )
    return [*sentences, *scheduler_sentences(study)]


def absent(names: Sequence[str]) -> str:
    """The missing videos or clips: the first three by name, and the number of the others."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more} missing or skipped"


def marks(study: Study) -> str:
    """The marks of every form of the table: those of DEMO, STAND-IN and PARTIAL that apply."""
    reasons = (("DEMO", study.demo), (STAND_IN, study.stand_in), ("PARTIAL", study.partial))
    return " ".join(mark for mark, holds in reasons if holds)


def columns(metric: Metric) -> tuple[str, ...]:
    """The table's header."""
    return "model", "parameters", "learning rate", "n", f"validation {metric.title}", f"test {metric.title}"


def row_cells(row: ModelRow) -> tuple[str, ...]:
    """A row as text."""
    metric, test = row.metric, row.metric.spread(row.test, row.test_deviation)
    seeds = str(row.num_seeds) if row.num_seeds == row.num_planned else f"{row.num_seeds} of {row.num_planned}"
    return (
        row.label, f"{row.num_parameters:,}", f"{row.lr:g}", seeds, metric.text(row.validation), test,
    )  # fmt: skip


def imported_row_cells(imported: ImportedCell, result: CellResult) -> tuple[str, ...]:
    """An imported cell as text; it has no chosen learning rate."""
    model = f"{imported.cell.experiment.model.label} (imported, not trained here: {imported.file_name})"
    metric = imported.cell.metric
    return model, f"{result.num_parameters:,}", "", "1", metric.text(result.validation), metric.text(result.test)


def records(table: Table) -> list[dict[str, Any]]:
    """The rows by name, with all digits; published values only where they may stand."""
    validation, test = f"validation_{table.metric.name}", f"test_{table.metric.name}"
    trained = [
        {
            "model": row.model, "where": dict(row.where), "origin": "trained here", "parameters": row.num_parameters,
            "learning_rate": row.lr, "n": row.num_seeds, "n_planned": row.num_planned, validation: row.validation,
            test: row.test, "test_deviation": row.test_deviation, **_published_record(table, row),
        }
        for row in table.rows
    ]  # fmt: skip
    elsewhere = [
        {
            "model": imported.cell.experiment.model.name, "where": {},
            "origin": f"imported, not trained here: {imported.file_name} (sha256 {imported.sha256})",
            "parameters": result.num_parameters, "learning_rate": None, "n": 1, "n_planned": 1,
            validation: result.validation, test: result.test, "test_deviation": None, **_published_record(table, None),
        }
        for imported, result in table.imported
    ]  # fmt: skip
    return trained + elsewhere


def _published_record(table: Table, row: ModelRow | None) -> dict[str, Any]:
    if table.obstacles:
        return {}
    value = None if row is None else table.published(row)
    compared = None if row is None or value is None else against_published(row, value)
    low, high = compared.interval or (None, None) if compared else (None, None)
    return {
        "published": value and value.mean, "published_deviation": value and value.deviation,
        "source": value and value.source, "certainty": value and value.certainty,
        "difference": compared and compared.delta, "difference_low": low, "difference_high": high,
        "verdict": compared and compared.verdict,
    }  # fmt: skip
