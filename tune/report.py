"""The table and pictures of a study, from what its cells keep: ``python tune/report.py --study NAME``.

Writes into the study's folder report/: ``table.md``, ``table.csv`` and ``table.json``, and prints the first;
``report.html``, a page for people that opens from disk, with every table and picture of the study; and beside it each
table as CSV and each picture as PNG and SVG, those of tune/length_eval.py and tune/velocity_eval.py where they ran.
Beside report/, ``reproducibility.md`` and ``reproducibility.json``: what reproducibility reviews ask, also of a study
that is not finished.
It needs the study's folder alone: no GPU, no data set, no MLflow. The same folder gives the same bytes.
"""

import csv
import io
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tyro
from rich.console import Console

from fernn.train.task import Metric
from tune.folder import Folder
from tune.gallery import gallery
from tune.imported import ImportedCell
from tune.markdown import bullets, grid
from tune.options import Published
from tune.page import page
from tune.pictures import png, svg
from tune.published import deviations
from tune.reproducibility_views import write_card
from tune.results import CellResult, ModelRow, cell_result, model_rows, results
from tune.reuse import find_study
from tune.sheets import sheets
from tune.table import Table, absent, marks, notes

__all__ = [
    "CellResult", "ModelRow", "absent", "cell_result", "columns", "markdown", "model_rows", "notes", "results",
    "row_cells",
]  # fmt: skip

PAGE = "report.html"
PUBLISHED_COLUMNS = ("published", "source", "certainty")


@dataclass(frozen=True)
class Options:
    """Write the table and pictures of a study from what its cells keep."""

    study: str
    """Name of the study, or its folder."""
    storage: str = "studies"
    """Folder in which studies are kept."""
    out: str | None = None
    """Folder for all of it; by default report/ in the study's folder, and that itself for the reproducibility card."""
    json: bool = False
    """Print the table as JSON, not as Markdown."""


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


def published_cells(published: Published | None) -> tuple[str, ...]:
    """A published value as text, empty where there is none."""
    if published is None:
        return ("",) * len(PUBLISHED_COLUMNS)
    return f"{published.mean:g} ± {published.deviation:g}", published.source, published.certainty


def markdown(table: Table) -> str:
    """The table as Markdown, with what must be said under it."""
    study = table.study
    lines = [(*row_cells(row), *published_cells(table.published(row))) for row in table.rows]
    lines += [(*imported_row_cells(*one), *published_cells(None)) for one in table.imported]
    header = (*columns(table.metric), *([] if table.obstacles else PUBLISHED_COLUMNS))
    drawn = grid(header, [line[: len(header)] for line in lines])
    title = f"# Test {table.metric.title}, study {study.name}" + (f" ({marks(study)})" if marks(study) else "")
    parts = [title, drawn, bullets(table.remarks())]
    if differs := deviations(study, table.search):
        parts += ["What differs from the published protocol:", bullets(differs)]
    return "\n\n".join(parts) + "\n"


def records(table: Table) -> list[dict[str, Any]]:
    """The rows by name, with all digits; published values only where they may stand."""
    found = [_record(row) | _published_record(table, table.published(row)) for row in table.rows]
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


def _published_record(table: Table, value: Published | None) -> dict[str, Any]:
    if table.obstacles:
        return {}
    names = {"published": "mean", "published_deviation": "deviation", "source": "source", "certainty": "certainty"}
    return {name: None if value is None else getattr(value, field) for name, field in names.items()}


def csv_text(table: Table) -> str:
    """The rows as CSV, each with the study's marks, since a row may leave its table."""
    rows = [{"marks": marks(table.study), **record} for record in records(table)]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({**row, "where": _pairs(row["where"])} for row in rows)
    return text.getvalue()


def _pairs(where: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in where.items())


def json_text(table: Table) -> str:
    """The table and all remarks as JSON."""
    study = table.study
    content = {
        "study": study.name, "demo": study.demo, "partial": list(study.partial), "rows": records(table),
        "remarks": table.remarks(), "deviations": deviations(study, table.search),
    }  # fmt: skip
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def write(table: Table, folder: Folder) -> None:
    """Write the table in its three forms."""
    forms = {"md": markdown, "csv": csv_text, "json": json_text}
    for ending, form in forms.items():
        folder.write(f"table.{ending}", form(table).encode())


def draw(table: Table, folder: Folder) -> None:
    """Write every picture, every further table, and the page that holds them."""
    shown, pictures = sheets(table), list(gallery(table.study, table.rows))
    for sheet in shown:
        folder.write(f"{sheet.name}.csv", sheet.csv_text(table.study).encode())
    for picture in pictures:
        folder.write(f"{picture.name}.png", png(picture.figure))
        folder.write(f"{picture.name}.svg", svg(picture.figure))
    folder.write(PAGE, page(table, shown, pictures).encode())


def main(options: Options) -> int:
    """Write and print the table; 2 for a study that has none."""
    from tune.command import USER_ERRORS, refuse  # which shows its own table with this module

    try:
        study = find_study(options.study, options.storage)
        write_card(study, Folder(options.out) if options.out else study.folder)
        table = Table.of(study)
        folder = Folder(options.out) if options.out else study.folder / "report"
        write(table, folder)
        draw(table, folder)
    except USER_ERRORS as error:
        return refuse(error, Console(stderr=True))
    sys.stdout.write(json_text(table) if options.json else markdown(table))
    return 0


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Options)))
