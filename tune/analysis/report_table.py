"""A table of a report: as a page shows it, and as CSV."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

Row = Sequence[Any]


@dataclass(frozen=True)
class ReportTable:
    """A table of a report: its file's name, title, header, rows of texts and numbers, and the remarks below it."""

    name: str
    title: str
    header: Sequence[str]
    rows: Sequence[Row]
    remarks: Sequence[str] = ()

    def texts(self) -> list[list[str]]:
        """The rows as texts."""
        return [[text(value) for value in row] for row in self.rows]

    def csv_text(self, marks: str) -> str:
        """The rows with all digits. Each row carries the study's ``marks``, since it may be copied elsewhere."""
        rows = [(marks, *("" if value is None else value for value in row)) for row in self.rows]
        return csv_text([("marks", *self.header), *rows])


def csv_text(rows: Iterable[Row]) -> str:
    """Rows as CSV."""
    sink = io.StringIO()
    csv.writer(sink, lineterminator="\n").writerows(rows)
    return sink.getvalue()


def text(value: Any) -> str:
    """A value in a table."""
    if value is None:
        return "–"
    return f"{value:.3g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


UNKNOWN = "not recorded"
"""Stands where an earlier version did not record a value."""


def bullets(sentences: Sequence[str]) -> str:
    """A Markdown list, one sentence a line."""
    return "\n".join(f"- {sentence}" for sentence in sentences)


def fenced(lines: Sequence[str]) -> str:
    """A Markdown block of commands."""
    return "\n".join(["```", *lines, "```"])


def grid(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    cells = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells)
