"""A report as one self-contained page of HTML: no network, no script, light and dark."""

import re
from collections.abc import Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from tune.analysis.plotting import ReportFigure, svg
from tune.analysis.published import deviations
from tune.analysis.significance import comparisons
from tune.analysis.statistics import LEVEL
from tune.core.console import ReportTable
from tune.reporting.table import Table, marks

INK, PAPER = re.compile(r"#000000\b"), re.compile(r"#ffffff\b")
IDS = re.compile(r'(\bid="|href="#|url\(#)')
PROLOGUE = re.compile(r"^.*?(?=<svg)", re.DOTALL)
METADATA = re.compile(r"<metadata>.*?</metadata>", re.DOTALL)


def page(table: Table, tables: Sequence[ReportTable], figures: Sequence[ReportFigure]) -> str:
    """The whole page."""
    environment = Environment(
        loader=PackageLoader("tune.reporting", "."),
        autoescape=select_autoescape(["j2"], default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2").render(
        study=table.study,
        metric=table.metric,
        mark=marks(table.study),
        summary=summary(table),
        tables=tables,
        remarks=table.remarks(),
        figures=figures,
        inline=inline,
        deviations=deviations(table.study, table.search),
    )


def summary(table: Table) -> str:
    """The study in a sentence or two."""
    study, rows = table.study, table.rows
    if not rows:
        return "Imported checkpoints alone: nothing was trained here."
    best = max(rows, key=lambda row: row.metric.rank(row.test))
    done = sum(len(cells) for row in rows for cells in row.by_lr.values())
    sentences = [f"{done} of {len(study.cells)} cells have a result.", f"Best mean on test clips: {best.label}."]
    compared = comparisons(rows)
    pairs = [f"{pair.first} and {pair.second}" for pair in compared if pair.adjusted <= LEVEL]
    differing = [f"Shown to differ by these seeds (exact paired tests, below): {'; '.join(pairs)}."] if pairs else []
    if compared and not pairs:
        differing = ["No difference between models is shown by these seeds (exact paired tests, below)."]
    return " ".join([*sentences, best.sentence(), *differing])


def inline(figure: ReportFigure) -> Markup:
    """The figure as part of a page: it takes the page's colours, has ids of its own, and a label for screen readers."""
    text = PROLOGUE.sub("", svg(figure.figure).decode(), count=1)
    text = METADATA.sub("", text)
    text = PAPER.sub("var(--page)", INK.sub("currentColor", text))
    text = IDS.sub(lambda match: f"{match[1]}{figure.name}-", text)
    label = f'<svg role="img" aria-label="{escape(f"{figure.title}. {figure.words}")}" fill="currentColor"'
    return Markup(text.replace("<svg", label, 1))
