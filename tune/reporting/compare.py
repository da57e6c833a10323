"""Models of several studies side by side: ``python tune/study.py compare NAME NAME2``."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from fernn.train.task import Metric
from tune.core.console import plain, print_document, print_lines, print_table
from tune.core.study import PROTOCOL_VERSION, Study, StudyError
from tune.reporting.table import Table, columns, marks, records


class ComparedRow(NamedTuple):
    """One row of one study's table: as text, and by name."""

    table: Table
    cells: tuple[str, ...]
    record: Mapping[str, Any]


@dataclass(frozen=True)
class StudyComparison:
    """The tables of several studies that have the same metric."""

    tables: Sequence[Table]
    names: Mapping[str, str]
    """The name of each study here, by the root of its folder."""

    @classmethod
    def of(cls, studies: Sequence[Study]) -> "StudyComparison":
        """Raises StudyError for no study, for one that is named twice or has no result, and for different metrics."""
        if not studies:
            raise StudyError("compare takes the names of one or more studies: python tune/study.py list has them")
        roots = [study.folder.root for study in studies]
        if twice := [study.name for study in studies if roots.count(study.folder.root) > 1]:
            raise StudyError(f"compare takes each study once, got {twice[0]!r} more than once")
        tables = [Table.of(study) for study in studies]
        for table in tables:
            if table.metric != tables[0].metric:
                raise StudyError(
                    f"compare takes studies of one metric: {studies[0].name!r} has {tables[0].metric.title}, "
                    f"{table.study.name!r} {table.metric.title}; show them one by one"
                )
        names = [study.name for study in studies]
        return cls(tables, {s.folder.root: s.name if names.count(s.name) == 1 else s.folder.root for s in studies})

    @property
    def metric(self) -> Metric:
        """The metric of all studies."""
        return self.tables[0].metric

    def name(self, table: Table) -> str:
        """The name of the table's study here."""
        return self.names[table.study.folder.root]

    @cached_property
    def rows(self) -> list[ComparedRow]:
        """All rows, study by study."""
        return [
            ComparedRow(table, *row) for table in self.tables for row in zip(table.texts(), records(table), strict=True)
        ]

    def difference(self, row: ComparedRow) -> float | None:
        """The row's mean test metric less the first row's; None where they are of different data."""
        first, test = self.rows[0], f"test_{self.metric.name}"
        return row.record[test] - first.record[test] if _kind(row.table) == _kind(first.table) else None

    def differing_fields(self) -> dict[str, dict[str, list[Any]]]:
        """Each field that differs between the studies that have it: its values by study."""
        by_study = {self.name(table): values(table.study) for table in self.tables}
        names = dict.fromkeys(name for fields in by_study.values() for name in fields)
        by_field = {name: {key: fields[name] for key, fields in by_study.items() if name in fields} for name in names}
        return {name: choices for name, choices in by_field.items() if len({*map(json.dumps, choices.values())}) > 1}

    def remarks(self) -> list[str]:
        """The remarks below the comparison."""
        lines = ["what differs:"] if self.differing_fields() else ["no field differs"]
        for field, by_study in self.differing_fields().items():
            texts = [f"{', '.join(map(plain, choices))} in {name}" for name, choices in by_study.items()]
            lines.append(f"  {field}: {'; '.join(texts)}")
        if any(self.difference(row) is None for row in self.rows):
            lines.append("A row has no difference where its data or its marks are not those of the first row.")
        for table in self.tables:
            lines += [f"{self.name(table)}: {remark}" for remark in table.remarks() if _warns(remark)]
        return lines


def _kind(table: Table) -> tuple[Any, ...]:
    """Rows of one kind are of the same prepared data with the same marks.

    Their splits, draws and velocities may differ: the remarks name these fields.
    """
    study, fields = table.study, values(table.study)
    return study.demo, study.stand_in, study.partial, str(fields.get("data.name")), str(fields.get("data_hash"))


def _warns(remark: str) -> bool:
    """Whether a remark marks the numbers, as DEMO and INCOMPLETE do."""
    return remark.split()[0].rstrip(":,").isupper()


def values(study: Study) -> dict[str, list[Any]]:
    """Every field of the study's cells with its distinct values; a model's own fields under the model's name."""
    distinct: dict[str, dict[str, Any]] = {}
    for cell in study.cells:
        label = cell.experiment.model.label
        flat = {"protocol_version": PROTOCOL_VERSION, "data_hash": cell.data_hash, **cell.experiment.flatten()}
        for name, value in flat.items():
            field = "model" if name == "model.name" else name.replace("model.", f"{label}.", 1)
            distinct.setdefault(field, {})[json.dumps(value)] = value
    strategy = {"scheduler": study.scheduler, "sampling": dict(study.sampling)}
    fields = {name: list(choices.values()) for name, choices in distinct.items()}
    return fields | {name: [value] for name, value in strategy.items()}


def print_comparison(studies: Sequence[Study], as_json: bool) -> None:
    """Print the comparison."""
    comparison = StudyComparison.of(studies)
    if as_json:
        return print_document(document(comparison))
    metric, texts = comparison.metric, []
    for row in comparison.rows:
        difference = comparison.difference(row)
        text = "" if difference is None else f"{difference:+{metric.form}}"
        texts.append((comparison.name(row.table), marks(row.table.study), *row.cells, text))
    header = ("study", "marks", *columns(metric), "difference")
    print_table(f"test {metric.title}, side by side", header, texts, right=header[3:])
    print_lines(comparison.remarks())


def document(comparison: StudyComparison) -> dict[str, Any]:
    """The comparison by name."""
    rows = [
        {"study": comparison.name(row.table), "marks": marks(row.table.study), **row.record}
        | {"difference_to_first": comparison.difference(row)}
        for row in comparison.rows
    ]
    studies = [
        {"study": comparison.name(table), "folder": table.study.folder.root, "demo": table.study.demo,
         "stand_in": table.study.stand_in or None, "partial": list(table.study.partial), "remarks": table.remarks()}
        for table in comparison.tables
    ]  # fmt: skip
    metric = comparison.metric.name
    return {"metric": metric, "studies": studies, "rows": rows, "differing_fields": comparison.differing_fields()}
