"""What commands print: one JSON document for programs, tables and lines for people; and the tables of reports."""

import csv
import io
import json
import re
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from data.terminal import PlainConsole

_CREDENTIALS = re.compile(r"(://)(?:[^/\s\"']*|(?!/)[^/:\s\"'@]*:[^\s\"'@]*)@")
_PARAMETERS = re.compile(r"(?i)((?:^|[?&;\s\"'])(?:\w+_)?(?:password|passwd|token|secret|api_?key)=)[^&;\s\"']+")


def masked(text: str) -> str:
    """The text with user names, passwords and tokens in its URIs replaced by ***."""
    return _PARAMETERS.sub(r"\1***", _CREDENTIALS.sub(r"\1***@", text))


def all_masked(value: Any) -> Any:
    """A JSON value with every text in it masked."""
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, Mapping):
        return {name: all_masked(item) for name, item in value.items()}
    return [all_masked(item) for item in value] if isinstance(value, list | tuple) else value


def document_text(content: Mapping[str, Any], indent: int | None = None) -> str:
    """A JSON document, masked; infinite numbers and NaN become null."""
    document = json.loads(json.dumps(all_masked(content)), parse_constant=lambda name: None)
    return json.dumps(document, indent=indent, allow_nan=False)


def print_document(content: Mapping[str, Any]) -> None:
    """Print one JSON document on standard output, see :func:`document_text`."""
    print(document_text(content, indent=2))


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[str] = ()) -> None:
    """Print a table on standard output; columns in ``right`` are right-aligned, columns without any text left out."""
    rows = [[*row] for row in rows]
    table = Table(title=title, title_justify="left")
    shown = [index for index, _ in enumerate(columns) if any(row[index] for row in rows)]
    for index in shown:
        table.add_column(columns[index], justify="right" if columns[index] in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(masked(row[index]) for index in shown))
    tables().print(table, markup=False, highlight=False)


def print_lines(lines: Iterable[str]) -> None:
    """Print lines on standard output, masked and without markup."""
    if text := "\n".join(lines):
        tables().print(masked(text), markup=False, highlight=False, soft_wrap=True)


def plain(value: Any) -> str:
    """A field's value as text for people."""
    if isinstance(value, dict):
        return " ".join(f"{name} {item}" for name, item in value.items()) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def moment(seconds: float) -> str:
    """Seconds since 1970 as local date and time."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def tables() -> Console:
    """A console on standard output: as wide as the terminal, or 160 characters where there is none."""
    return PlainConsole(width=None if sys.stdout.isatty() else 160)


def duration(seconds: float) -> str:
    """Seconds as text in days, hours, minutes or seconds."""
    for unit, name, digits in ((86400.0, "days", 0), (3600.0, "h", 1), (60.0, "min", 0)):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.{digits}f} {name}"
    return f"{seconds:.0f} s"


def one_line(error: Exception) -> str:
    """The error's text in one line; a KeyError with a bare name is explained."""
    text = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
    if isinstance(error, KeyError) and " " not in text:
        return f"{text!r} is not known here: a file of the study or of its data is not as this version writes it"
    return "; ".join(line.strip() for line in text.splitlines() if line.strip()) or type(error).__name__


def disk(num_bytes: float) -> str:
    """Bytes as text in GB or MB."""
    return f"{num_bytes / 1e9:.2f} GB" if num_bytes >= 1e9 else f"{num_bytes / 1e6:.1f} MB"


Row = Sequence[Any]


@dataclass(frozen=True)
class ReportTable:
    """A table of a report: its file's name, title, header, rows of texts and numbers, and the remarks below it."""

    name: str
    title: str
    header: Sequence[str]
    rows: Sequence[Row]
    remarks: Sequence[str] = ()
    needs_real_data: bool = False
    """Whether a report leaves it out beside rendered, other or partial data."""

    def texts(self) -> list[list[str]]:
        """The rows as texts."""
        return [[cell_text(value) for value in row] for row in self.rows]

    def csv_text(self, marks: str) -> str:
        """The rows with all digits. Each row carries the study's ``marks``, since it may be copied elsewhere."""
        rows = [(marks, *("" if value is None else value for value in row)) for row in self.rows]
        return csv_text([("marks", *self.header), *rows])


def csv_text(rows: Iterable[Row]) -> str:
    """Rows as CSV."""
    sink = io.StringIO()
    csv.writer(sink, lineterminator="\n").writerows(rows)
    return sink.getvalue()


def cell_text(value: Any) -> str:
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
