"""The tables and figures of a study, from what its cells keep: ``python tune/report.py --study NAME``.

Writes into the study's folder report/: ``table.md``, ``table.csv`` and ``table.json``, and prints the first;
``report.html``, a page that opens from disk, with every table and figure of the study and of its measures
(tune/*_eval.py); and each table as CSV, each figure as PNG and SVG.
Beside report/ it writes ``reproducibility.md`` and ``reproducibility.json``, also for a study that is not finished.
It needs only the study's folder: no GPU, no data set, no MLflow. The same folder gives the same bytes.
"""

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from data.terminal import options_of
from tune.analysis.plotting import ReportFigure, png, svg
from tune.analysis.published import deviations
from tune.analysis.significance import comparisons
from tune.analysis.statistics import LEVEL
from tune.commands.search import refuse
from tune.core.console import ReportTable, bullets, csv_text, grid
from tune.core.folder import Folder
from tune.core.protocol import find_study
from tune.core.study import USER_ERRORS
from tune.measures.registry import measured_results
from tune.reporting.captions import caption_of
from tune.reporting.figures import study_figures
from tune.reporting.pages import page_template
from tune.reporting.reproducibility_card import write_card
from tune.reporting.table import Table, marks, records
from tune.reporting.tables import report_tables, results_table, video_tables

IDS = re.compile(r'(\bid="|href="#|url\(#)')
METADATA = re.compile(r"<metadata>.*?</metadata>", re.DOTALL)


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
    """The table as Markdown, with its remarks."""
    study, own = table.study, results_table(table)
    title = f"# Test {table.metric.title}, study {study.name}" + (f" ({marks(study)})" if marks(study) else "")
    parts = [title, grid(own.header, own.texts()), bullets([*table.remarks(), *own.remarks])]
    for scores in video_tables(table):
        parts += [f"## {scores.title}", grid(scores.header, scores.texts())]
        parts += [bullets(scores.remarks)] if scores.remarks else []
    if differs := deviations(study, table.search):
        parts += ["What differs from the published protocol:", bullets(differs)]
    return "\n\n".join(parts) + "\n"


def table_csv(table: Table) -> str:
    """The rows as CSV. Each carries the study's marks, since it may be copied elsewhere."""
    rows = records(table)
    for row in rows:
        row["where"] = " ".join(f"{name}={value}" for name, value in row["where"].items())
    return csv_text([("marks", *rows[0]), *((marks(table.study), *row.values()) for row in rows)])


def json_text(table: Table) -> str:
    """The table and all remarks as JSON."""
    study = table.study
    first, *others = report_tables(table)
    content = {
        "study": study.name, "demo": study.demo, "stand_in": study.stand_in or None,
        "partial": list(study.partial), "rows": records(table),
        "remarks": [*table.remarks(), *first.remarks], "deviations": deviations(study, table.search),
        "tables": {other.name: {"header": other.header, "lines": other.rows, "remarks": other.remarks}
                   for other in others},
    }  # fmt: skip
    return json.dumps(content, indent=2) + "\n"


def write(table: Table, folder: Folder) -> dict[str, str]:
    """Write the table in its three forms; the forms by their files' ending."""
    texts = {"md": markdown(table), "csv": table_csv(table), "json": json_text(table)}
    for ending, text in texts.items():
        folder.write(f"table.{ending}", text.encode())
    return texts


def draw(table: Table, folder: Folder) -> None:
    """Write every figure, every further table, and the page: of the search, and of each measure."""
    study, measured = table.study, measured_results(table.study, table.rows)
    tables = [*report_tables(table), *(results.table() for results in measured)]
    figures = [*study_figures(study, table.rows), *(figure for results in measured for figure in results.figures())]
    for further in tables[1:]:  # the first is table.csv
        folder.write(f"{further.name}.csv", further.csv_text(marks(study)).encode())
    for drawn in figures:
        folder.write(f"{drawn.name}.png", png(drawn.figure))
        folder.write(f"{drawn.name}.svg", svg(drawn.figure))
    folder.write("report.html", page(table, tables, figures).encode())


def page(table: Table, tables: Sequence[ReportTable], figures: Sequence[ReportFigure]) -> str:
    """The whole page."""
    return page_template("tune.reporting").render(
        study=table.study,
        metric=table.metric,
        mark=marks(table.study),
        summary=summary(table),
        tables=tables,
        remarks=table.remarks(),
        figures=figures,
        inline=inline,
        caption_of=caption_of,
        deviations=deviations(table.study, table.search),
    )


def summary(table: Table) -> str:
    """The study in a sentence or two."""
    study, rows = table.study, table.rows
    if not rows:
        return "Imported checkpoints alone: nothing was trained here."
    best = max(rows, key=lambda row: row.metric.rank(row.test))
    done = sum(len(cells) for row in rows for cells in row.by_choice.values())
    sentences = [f"{done} of {len(study.cells)} cells have a result.", f"Best mean on test clips: {best.label}."]
    compared = comparisons(rows)
    pairs = [f"{pair.first} and {pair.second}" for pair in compared if pair.adjusted <= LEVEL]
    differing = [f"Shown to differ by these seeds (exact paired tests, below): {'; '.join(pairs)}."] if pairs else []
    if compared and not pairs:
        differing = ["No difference between models is shown by these seeds (exact paired tests, below)."]
    return " ".join([*sentences, best.sentence(), *differing])


def inline(figure: ReportFigure) -> Markup:
    """The figure as part of a page: it takes the page's colours, has ids of its own, and a label for screen readers."""
    drawing = METADATA.sub("", svg(figure.figure).decode().partition("<svg")[2])
    drawing = drawing.replace("#000000", "currentColor").replace("#ffffff", "var(--page)")
    drawing = IDS.sub(lambda match: f"{match[1]}{figure.name}-", drawing)
    label = f'role="img" aria-label="{escape(f"{figure.title}. {figure.words}")}" fill="currentColor"'
    return Markup(f"<svg {label}{drawing}")


def main(options: Options) -> int:
    """Write and print the table; 2 for a study without a finished cell."""
    try:
        study = find_study(options.study, options.storage)
        try:
            table = Table.of(study)
            folder = Folder(options.out) if options.out else study.folder / "report"
            texts = write(table, folder)
            draw(table, folder)
        finally:  # the card exists before the first result
            write_card(study, Folder(options.out) if options.out else study.folder)
    except USER_ERRORS as error:
        return refuse(error)
    sys.stdout.write(texts["json" if options.json else "md"])
    return 0


if __name__ == "__main__":
    sys.exit(main(options_of(Options)))
