"""Progress of a long job on standard error: a bar on a terminal, a line now and then elsewhere."""

import contextlib
import time
from collections.abc import Callable, Iterator

from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from data.terminal import console

SECONDS_BETWEEN_LINES = 10.0

Advance = Callable[[int], None]


def say(text: str) -> None:
    """One plain line on standard error."""
    console(stderr=True).print(text, markup=False, highlight=False, soft_wrap=True)


@contextlib.contextmanager
def progress(title: str, total: int | None, unit: str, *, done: int = 0) -> Iterator[Advance]:
    """Yield a function that counts units as done; shows how many are done, left, and for how long."""
    out = console(stderr=True)
    if not out.is_terminal:
        yield _lines(title, total, unit, done)
        return
    count: ProgressColumn = DownloadColumn() if unit == "bytes" else MofNCompleteColumn()
    columns = (TextColumn("{task.description}"), BarColumn(), count, TimeRemainingColumn())
    with Progress(*columns, console=out) as bar:
        task = bar.add_task(title, total=total, completed=done)
        yield lambda count: bar.advance(task, count)


def _lines(title: str, total: int | None, unit: str, done: int) -> Advance:
    begin, start, last = done, 0.0, time.monotonic()

    def advance(count: int) -> None:
        nonlocal begin, start, done, last
        done += count
        now = time.monotonic()
        if not start:
            begin, start = done, now  # what came before was the job's start-up
        if now - last >= SECONDS_BETWEEN_LINES or done == total:
            last = now
            say(f"{title}: {_state(done, total, unit)}{_left(total, done, begin, now - start)}")

    return advance


def _state(done: int, total: int | None, unit: str) -> str:
    scale, unit, digits = (1e6, "MB", 2) if unit == "bytes" else (1, unit, 0)
    of = "" if total is None else f" of {total / scale:.{digits}f}"
    return f"{done / scale:.{digits}f}{of} {unit}"


def _left(total: int | None, done: int, begin: int, seconds: float) -> str:
    if total is None or done >= total or done == begin:
        return ""
    return f", {seconds * (total - done) / (done - begin):.0f} s left"
