"""Models of several studies side by side: ``python tune/study.py compare NAME NAME2``."""

import json
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from tune.core.console import plain, print_document, print_lines, print_table
from tune.core.study import PROTOCOL_VERSION, Study, StudyError
from tune.reporting.table import Table, chosen_columns, columns, marks, records

Tables = Mapping[str, Table]
"""The compared tables by their study's name, or by the root of its folder where two studies have the name."""


def compared_tables(studies: Sequence[Study]) -> Tables:
    """Raises StudyError for no study, for one that is named twice or has no result, and for different metrics."""
    if not studies:
        raise StudyError("compare takes the names of one or more studies: python tune/study.py list has them")
    names, roots = [study.name for study in studies], [study.folder.root for study in studies]
    if twice := [name for name, root in zip(names, roots, strict=True) if roots.count(root) > 1]:
        raise StudyError(f"compare takes each study once, got {twice[0]!r} more than once")
    tables = [Table.of(study) for study in studies]
    for table in tables:
        if table.metric != tables[0].metric:
            raise StudyError(
                f"compare takes studies of one metric: {names[0]!r} has {tables[0].metric.title}, "
                f"{table.study.name!r} {table.metric.title}; show them one by one"
            )
    keys = [name if names.count(name) == 1 else root for name, root in zip(names, roots, strict=True)]
    return dict(zip(keys, tables, strict=True))


def rows(tables: Tables) -> list[dict[str, Any]]:
    """All rows by name, study by study, with the difference of the mean test metric from the first row's.

    The difference is None where a row is of other data than the first.
    """
    first = next(iter(tables.values()))
    test, first_kind, first_row = f"test_{first.metric.name}", _kind(first), records(first)[0]
    return [
        {"study": name, "marks": marks(table.study), **row}
        | {"difference_to_first": row[test] - first_row[test] if _kind(table) == first_kind else None}
        for name, table in tables.items()
        for row in records(table)
    ]


def differing_fields(tables: Tables) -> dict[str, dict[str, list[Any]]]:
    """Each field that differs between the studies that have it: its values by study."""
    by_study = {name: values(table.study) for name, table in tables.items()}
    names = dict.fromkeys(name for fields in by_study.values() for name in fields)
    by_field = {name: {key: fields[name] for key, fields in by_study.items() if name in fields} for name in names}
    return {name: choices for name, choices in by_field.items() if len({*map(json.dumps, choices.values())}) > 1}


def remarks(tables: Tables, has_gap: bool) -> list[str]:
    """The remarks below the comparison; ``has_gap``: whether a row has no difference."""
    fields = differing_fields(tables)
    lines = ["what differs:"] if fields else ["no field differs"]
    for field, by_study in fields.items():
        texts = [f"{', '.join(map(plain, choices))} in {name}" for name, choices in by_study.items()]
        lines.append(f"  {field}: {'; '.join(texts)}")
    if has_gap:
        lines.append("A row has no difference where its data or its marks are not those of the first row.")
    for name, table in tables.items():
        lines += [f"{name}: {remark}" for remark in table.remarks() if _warns(remark)]
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
    tables = compared_tables(studies)
    if as_json:
        return print_document(document(tables))
    metric, compared = next(iter(tables.values())).metric, rows(tables)
    compared_studies = [table.study for table in tables.values()]
    goals = chain(*((*study.objectives, *study.constraints) for study in compared_studies))
    chosen = chosen_columns(chain(*(study.tuned for study in compared_studies)), goals)
    gaps = [row["difference_to_first"] for row in compared]
    lines = chain(*(table.texts(chosen) for table in tables.values()))
    texts = [
        (row["study"], row["marks"], *cells, "" if gap is None else f"{gap:+{metric.form}}")
        for row, gap, cells in zip(compared, gaps, lines, strict=True)
    ]
    header = ("study", "marks", *columns(metric, chosen), "difference")
    print_table(f"test {metric.title}, side by side", header, texts, right=header[3:])
    print_lines(remarks(tables, None in gaps))


def document(tables: Tables) -> dict[str, Any]:
    """The comparison by name."""
    studies = [
        {"study": name, "folder": table.study.folder.root, "demo": table.study.demo,
         "stand_in": table.study.stand_in or None, "partial": list(table.study.partial), "remarks": table.remarks()}
        for name, table in tables.items()
    ]  # fmt: skip
    metric = next(iter(tables.values())).metric.name
    return {"metric": metric, "studies": studies, "rows": rows(tables), "differing_fields": differing_fields(tables)}
