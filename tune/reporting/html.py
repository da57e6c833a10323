"""A report as one page of HTML that needs nothing beside it: no network, no script, light and dark."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from tune.analysis.plotting import ReportFigure, svg
from tune.analysis.published import deviations
from tune.analysis.sheet import Sheet
from tune.analysis.significance import ModelComparison, comparisons
from tune.analysis.statistics import LEVEL
from tune.reporting.table import Table, marks

INK, PAPER = re.compile(r"#000000\b"), re.compile(r"#ffffff\b")
IDS = re.compile(r'(\bid="|href="#|url\(#)')
PROLOGUE = re.compile(r"^.*?(?=<svg)", re.DOTALL)
METADATA = re.compile(r"<metadata>.*?</metadata>", re.DOTALL)


@dataclass(frozen=True)
class Inline:
    """A figure as the page holds it."""

    name: str
    title: str
    words: str
    svg: Markup


def page(table: Table, sheets: Sequence[Sheet], figures: Sequence[ReportFigure]) -> str:
    """The whole page."""
    environment = Environment(
        loader=PackageLoader("tune.reporting", "."),
        autoescape=select_autoescape(["j2"], default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    content: Mapping[str, object] = {
        "study": table.study,
        "metric": table.metric,
        "mark": marks(table.study),
        "summary": summary(table),
        "sheets": sheets,
        "remarks": table.remarks(),
        "figures": [Inline(one.name, one.title, one.words, inline(one)) for one in figures],
        "deviations": deviations(table.study, table.search),
    }
    return environment.get_template("page.html.j2").render(content)


def summary(table: Table) -> str:
    """The study in a sentence or two."""
    study, rows = table.study, table.rows
    if not rows:
        return "Imported checkpoints alone: nothing was trained here."
    best = max(rows, key=lambda row: row.metric.rank(row.test))
    done = sum(len(ones) for row in rows for ones in row.by_lr.values())
    sentence = (
        f"{done} of {len(study.cells)} cells have a result. Best mean on test clips: {best.label}. {best.sentence()}"
    )
    return f"{sentence} {_shown(comparisons(rows))}".rstrip()


def _shown(found: Sequence[ModelComparison]) -> str:
    """How many models are shown to differ."""
    if not found:
        return ""
    known = [f"{one.first} and {one.second}" for one in found if one.adjusted <= LEVEL]
    if not known:
        return "No difference between models is shown by these seeds (exact paired tests, below)."
    return f"Shown to differ by these seeds (exact paired tests, below): {'; '.join(known)}."


def inline(figure: ReportFigure) -> Markup:
    """The figure as a part of a page: its ink and paper are the page's, its ids its own, its words read aloud."""
    text = PROLOGUE.sub("", svg(figure.figure).decode(), count=1)
    text = METADATA.sub("", text)
    text = PAPER.sub("var(--page)", INK.sub("currentColor", text))
    text = IDS.sub(lambda found: f"{found[1]}{figure.name}-", text)
    label = f'<svg role="img" aria-label="{escape(f"{figure.title}. {figure.words}")}" fill="currentColor"'
    return Markup(text.replace("<svg", label, 1))
