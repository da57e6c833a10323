"""The tables and figures of a study, from what its cells keep: ``python tune/report.py --study NAME``.

Writes into the study's folder report/: ``table.md``, ``table.csv`` and ``table.json``, and prints the first;
``report.html``, a page for people that opens from disk, with every table and figure of the study; and beside it each
table as CSV and each figure as PNG and SVG, those of what was measured beyond training (tune/*_eval.py) too.
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

from data.terminal import options_of
from tune.analysis.plotting import png, svg
from tune.analysis.published import deviations
from tune.analysis.sheet import bullets, grid
from tune.core.folder import Folder
from tune.core.protocol import find_study
from tune.measures.registry import measured_results
from tune.reporting.figures import study_figures
from tune.reporting.html import page
from tune.reporting.reproducibility_card import write_card
from tune.reporting.system_tables import video_sheets
from tune.reporting.table import Table, marks, records
from tune.reporting.tables import results_sheet, sheets

PAGE = "report.html"


@dataclass(frozen=True)
class Options:
    """Write the tables and figures of a study from what its cells keep."""

    study: str
    """Name of the study, or its folder."""
    storage: str = "studies"
    """Folder in which studies are kept."""
    out: str | None = None
    """Folder for all of it; by default report/ in the study's folder, and that itself for the reproducibility card."""
    json: bool = False
    """Print the table as JSON, not as Markdown."""


def markdown(table: Table) -> str:
    """The table as Markdown, with what must be said under it."""
    study, sheet = table.study, results_sheet(table)
    title = f"# Test {table.metric.title}, study {study.name}" + (f" ({marks(study)})" if marks(study) else "")
    parts = [title, grid(sheet.header, sheet.texts()), bullets([*table.remarks(), *sheet.remarks])]
    for more in video_sheets(table):
        parts += [f"## {more.title}", grid(more.header, more.texts())]
        parts += [bullets(more.remarks)] if more.remarks else []
    if differs := deviations(study, table.search):
        parts += ["What differs from the published protocol:", bullets(differs)]
    return "\n\n".join(parts) + "\n"


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
    first, *others = sheets(table)
    content = {
        "study": study.name, "demo": study.demo, "stand_in": study.stand_in or None,
        "partial": list(study.partial), "rows": records(table),
        "remarks": [*table.remarks(), *first.remarks], "deviations": deviations(study, table.search),
        "tables": {sheet.name: {"header": sheet.header, "lines": sheet.lines, "remarks": sheet.remarks}
                   for sheet in others},
    }  # fmt: skip
    return json.dumps(content, indent=2) + "\n"


def write(table: Table, folder: Folder) -> dict[str, str]:
    """Write the table in its three forms; the forms by their files' ending."""
    texts = {"md": markdown(table), "csv": csv_text(table), "json": json_text(table)}
    for ending, text in texts.items():
        folder.write(f"table.{ending}", text.encode())
    return texts


def draw(table: Table, folder: Folder) -> None:
    """Write every figure, every further table, and the page that holds them: the search's own, and each measure's."""
    study, measured = table.study, measured_results(table.study, table.rows)
    tables = [*sheets(table), *(one.table() for one in measured)]
    figures = [*study_figures(study, table.rows), *(figure for one in measured for figure in one.figures())]
    for sheet in tables[1:]:  # the first is table.csv
        folder.write(f"{sheet.name}.csv", sheet.csv_text(marks(study)).encode())
    for one in figures:
        folder.write(f"{one.name}.png", png(one.figure))
        folder.write(f"{one.name}.svg", svg(one.figure))
    folder.write(PAGE, page(table, tables, figures).encode())


def main(options: Options) -> int:
    """Write and print the table; 2 for a study that has none."""
    from tune.commands.search import USER_ERRORS, refuse  # which shows its own table with this module

    try:
        study = find_study(options.study, options.storage)
        try:
            table = Table.of(study)
            folder = Folder(options.out) if options.out else study.folder / "report"
            texts = write(table, folder)
            draw(table, folder)
        finally:  # which a study has before its first result, too
            write_card(study, Folder(options.out) if options.out else study.folder)
    except USER_ERRORS as error:
        return refuse(error)
    sys.stdout.write(texts["json" if options.json else "md"])
    return 0


if __name__ == "__main__":
    sys.exit(main(options_of(Options)))
