"""What commands print: one JSON document for programs, tables and lines for people."""

import json
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.table import Table

from tune.commands.progress import tables
from tune.core.masking import all_masked, masked


def print_document(content: Mapping[str, Any]) -> None:
    """One JSON document on standard output; numbers that JSON does not have become null."""
    print(json.dumps(all_masked(finite(content)), indent=2, allow_nan=False))


def finite(value: Any) -> Any:
    """A JSON value with None for every infinite number and every one that is none."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: finite(item) for name, item in value.items()}
    return [finite(item) for item in value] if isinstance(value, list | tuple) else value


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[str] = ()) -> None:
    """A table on standard output; the columns named in ``right`` are ranged right, those that no row fills left out."""
    rows = [[*row] for row in rows]
    grid = Table(title=title, title_justify="left")
    shown = [index for index, _ in enumerate(columns) if any(row[index] for row in rows)]
    for index in shown:
        grid.add_column(columns[index], justify="right" if columns[index] in right else "left", overflow="fold")
    for row in rows:
        grid.add_row(*(masked(row[index]) for index in shown))
    tables().print(grid, markup=False, highlight=False)


def print_lines(lines: Iterable[str]) -> None:
    """Plain lines on standard output."""
    for line in lines:
        tables().print(masked(line), markup=False, highlight=False, soft_wrap=True)


def plain(value: Any) -> str:
    """A field's value for people."""
    if isinstance(value, dict):
        return " ".join(f"{name} {item}" for name, item in value.items()) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def moment(seconds: float) -> str:
    """A time since 1970 for people, in the zone of this machine."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
