"""Export a study as two tidy tables: ``python tune/study.py export NAME --out DIR``.

metrics.parquet, metrics.csv   a row for each cell and epoch: the cell's searched fields, and every metric
cells.parquet, cells.csv       a row for each cell: its status, its result, and its machine
study.json                     the study's settings, a copy of the file in its folder
"""

import io
import uuid
import zipfile
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from tune.core.folder import TEMPORARY, Folder
from tune.core.identity import STUDY_FILE
from tune.core.status import CellStatus, statuses
from tune.core.study import Study, StudyError
from tune.reporting.table import marks

NAMES = ("metrics.parquet", "metrics.csv", "cells.parquet", "cells.csv", STUDY_FILE)
FORMS = {
    "parquet": pq.write_table,
    "csv": partial(pa_csv.write_csv, write_options=pa_csv.WriteOptions(quoting_style="needed")),
}
MACHINE = ("host", "device", "threads", "python", "torch", "ray")


def export(study: Study, out: str, overwrite: bool) -> list[str]:
    """Write the study into the folder or archive ``out``; returns the files that were written.

    Raises StudyError where a file exists already and ``overwrite`` is false, or where a cell's file is damaged.
    """
    parent, separator, archive = out.rpartition("/") if out.endswith(".zip") else (out, "", "")
    folder = Folder(parent + separator or ".")
    names = [archive] if archive else NAMES
    if not overwrite and (existing := [name for name in names if folder.has(name)]):
        raise StudyError(
            f"--out must not hold {', '.join(existing)} already, {folder.root} does: "
            f"give another --out, or --overwrite to replace what is there"
        )
    files = contents(study)
    if archive:
        files = {archive: zipped(files)}
    write_together(folder, files)
    return [f"{folder.root}/{name}" for name in files]


def contents(study: Study) -> dict[str, bytes]:
    """The content of every file by name; a row of metrics for each cell and epoch, a row of cells for each cell."""
    cells = statuses(study)
    if damaged := [state for state in cells if state.status == "damaged"]:
        raise StudyError(f"cells that are damaged cannot be exported: {damaged[0].reason}")
    epochs = [place(study, state) | row | {"epoch": int(row["epoch"])} for state in cells for row in state.rows]
    columns = list(place(study, cells[0])) if cells else []
    tables = {
        "metrics": table_of(epochs, [*columns, "epoch"]),
        "cells": table_of([place(study, state) | outcome(state) for state in cells], columns),
    }
    files = {f"{name}.{ending}": in_form(table, ending) for name, table in tables.items() for ending in FORMS}
    return files | {STUDY_FILE: study.folder.read(STUDY_FILE) or b""}


def place(study: Study, state: CellStatus) -> dict[str, Any]:
    """The cell of a row: the study with its marks, the key, and the value of every searched field."""
    model, experiment = state.cell.experiment.model.name, state.cell.experiment
    values = {"model": model, "lr": experiment.optim.lr, "seed": experiment.seed, **study.where(state.cell)}
    values |= state.cell.point(study.tuned)
    return {"study": study.name, "marks": marks(study), "cell": state.cell.key, **values}


def outcome(state: CellStatus) -> dict[str, Any]:
    """The status, result and machine of a cell, by column."""
    result, metric = state.result, state.cell.metric.name
    return {
        "status": state.status, "reason": state.reason, "epochs_done": len(state.rows),
        "epochs": state.cell.experiment.epochs, "best_epoch": state.best_epoch, f"best/{metric}": state.best,
        "parameters": result.num_parameters,
        **result.metrics, "train_seconds": state.seconds("train"), "finished_at": result.finished_at,
        **{name: result.machine.get(name) for name in MACHINE},
    }  # fmt: skip


def table_of(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> pa.Table:
    """The rows as a table: the named columns first, then all others. A value that a row lacks is null.

    Lists are written as text, since CSV has none.
    """
    names = list(dict.fromkeys([*columns, *(name for row in rows for name in row)]))
    return pa.table({name: [_plain(row.get(name)) for row in rows] for name in names})


def _plain(value: Any) -> Any:
    return str(list(value)) if isinstance(value, list | tuple) else value


def in_form(table: pa.Table, form: str) -> bytes:
    """The table as a file of one of the FORMS."""
    sink = pa.BufferOutputStream()
    FORMS[form](table, sink)
    return sink.getvalue().to_pybytes()


def zipped(files: Mapping[str, bytes]) -> bytes:
    """The files as one archive, each with the date that ZipInfo has without one: the same files give the same bytes."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return sink.getvalue()


def write_together(folder: Folder, files: Mapping[str, bytes]) -> None:
    """Write all files under temporary names, then move them to their own, so that all are written or none."""
    staged = {name: f"{name}{TEMPORARY}{uuid.uuid4().hex[:8]}" for name in files}
    try:
        for name, content in files.items():
            folder.write(staged[name], content)
        for name in files:
            folder.move(staged[name], name)
    finally:
        for name in staged.values():
            if folder.has(name):
                folder.delete(name)
