"""A table of a report: as a page shows it, and as CSV."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Line = Sequence[Any]


@dataclass(frozen=True)
class Sheet:
    """A table: its file's name, title, header, lines of texts and numbers, and what must be said under it."""

    name: str
    title: str
    header: Sequence[str]
    lines: Sequence[Line]
    remarks: Sequence[str] = ()

    def texts(self) -> list[list[str]]:
        """The lines as texts."""
        return [[text(value) for value in line] for line in self.lines]

    def csv_text(self, marks: str) -> str:
        """The lines with all digits, each with the study's ``marks``, since a line may leave its table."""
        sink = io.StringIO()
        writer = csv.writer(sink, lineterminator="\n")
        writer.writerow(("marks", *self.header))
        writer.writerows((marks, *("" if value is None else value for value in line)) for line in self.lines)
        return sink.getvalue()


def text(value: Any) -> str:
    """A value in a table."""
    if value is None:
        return "–"
    return f"{value:.3g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


UNKNOWN = "not recorded"
"""What stands where an earlier version did not write something down."""


def bullets(sentences: Sequence[str]) -> str:
    """A list, one sentence a line."""
    return "\n".join(f"- {sentence}" for sentence in sentences)


def fenced(lines: Sequence[str]) -> str:
    """Commands as they are typed."""
    return "\n".join(["```", *lines, "```"])


def grid(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    drawn = [header, ["---"] * len(header), *lines]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in drawn)
