"""A study's table for programs: a record for each row, with all digits."""

from typing import Any

from fernn.train.metric import Metric
from tune.analysis.results import CellResult, ModelRow
from tune.analysis.significance import against_published
from tune.core.imported import ImportedCell
from tune.reporting.table import Table


def records(table: Table) -> list[dict[str, Any]]:
    """The rows by name, with all digits; published values only where they may stand."""
    found = [_record(row) | _published_record(table, row) for row in table.rows]
    return found + [_imported_record(*one) | _published_record(table, None) for one in table.imported]


def _record(row: ModelRow) -> dict[str, Any]:
    return {
        "model": row.model, "where": dict(row.where), "origin": "trained here", "parameters": row.num_parameters,
        "learning_rate": row.lr, "n": row.num_seeds, "n_planned": row.num_planned,
        **_numbers(row.metric, row.validation, row.test), "test_deviation": row.test_deviation,
    }  # fmt: skip


def _imported_record(imported: ImportedCell, result: CellResult) -> dict[str, Any]:
    origin = f"imported, not trained here: {imported.file_name} (sha256 {imported.sha256})"
    return {
        "model": imported.cell.experiment.model.name, "where": {}, "origin": origin,
        "parameters": result.num_parameters, "learning_rate": None, "n": 1, "n_planned": 1,
        **_numbers(imported.cell.metric, result.validation, result.test),
        "test_deviation": None,
    }  # fmt: skip


def _numbers(metric: Metric, validation: float, test: float) -> dict[str, float]:
    return {f"validation_{metric.name}": validation, f"test_{metric.name}": test}


def _published_record(table: Table, row: ModelRow | None) -> dict[str, Any]:
    if table.obstacles:
        return {}
    names = {"published": "mean", "published_deviation": "deviation", "source": "source", "certainty": "certainty"}
    value = table.published(row) if row is not None else None
    found: dict[str, Any] = {name: None if value is None else getattr(value, field) for name, field in names.items()}
    beside = None if row is None or value is None else against_published(row, value)
    low, high = beside.interval or (None, None) if beside else (None, None)
    ends = {"difference_low": low, "difference_high": high}
    return found | {"difference": beside and beside.delta, **ends, "verdict": beside and beside.verdict}
