"""The command line: what a user typed, and output and progress that every terminal, pipe and batch system can show."""

import codecs
import contextlib
import os
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import rich.progress as bars
import tyro
from rich.console import Console
from rich.text import Text

PLAIN = "fernn-plain"
"""The name of our way out for a sign that the output's encoding lacks, as codecs know it."""
SIGNS = str.maketrans({
    "±": "+/-", "×": "x", "·": "-", "…": "...", "–": "-", "—": "-", "−": "-", "✓": "ok", "✗": "x", "≤": "<=", "≥": ">=",
    "→": "->", "∞": "inf", "°": " degrees", "“": "'", "”": "'", "„": "'", "‘": "'", "’": "'", "µ": "u", "ß": "ss",
    "⋅": ".", "⁻": "-", "¹": "1", "²": "2", "³": "3",
    "ψ": "psi", "σ": "sigma", "λ": "lambda", "μ": "mu", "α": "alpha", "β": "beta", "Δ": "Delta",
    "─": "-", "━": "-", "│": "|", "┃": "|", "█": "#", "•": "-", "\u00a0": " ",
})  # fmt: skip
"""How signs that our texts and tables use are written in ASCII."""
SECONDS_BETWEEN_LINES = 10.0
Options = TypeVar("Options")


def options_of(kind: type[Options], **how: Any) -> Options:
    """The options that were typed, as ``tyro.cli`` reads them; output is readable from here on.

    Every command begins with it, or with :func:`begin`.
    """
    begin()
    return tyro.cli(kind, **how)


def begin() -> None:
    """Let output write what its encoding lacks in plain signs, where it would raise.

    Ends the process with code 2 where what was typed is no text in this locale.
    """
    codecs.register_error(PLAIN, _replaced)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # neither a closed one nor what stands in for it in a notebook
            stream.reconfigure(errors=PLAIN)
    encoding = sys.getfilesystemencoding()
    for word in (os.path.abspath(""), *sys.argv[1:]):
        if any("\ud800" <= sign <= "\udfff" for sign in word):
            way_out = "rename it" if encoding == "utf-8" else "set PYTHONUTF8=1, or use names without such signs"
            print(f"error: '{word}' is no text in {encoding}, this machine's encoding: {way_out}", file=sys.stderr)
            raise SystemExit(2)


def plain(sign: str) -> str:
    """A sign in ASCII: its usual stand-in, the letter without accents, else its escape."""
    if (usual := sign.translate(SIGNS)).isascii():
        return usual
    bare = unicodedata.normalize("NFKD", sign).encode("ascii", "ignore").decode()
    if bare and sign.isalpha():
        return bare
    return "".join(
        f"\\x{ord(part) - 0xDC00:02x}" if "\udc80" <= part <= "\udcff" else ascii(part)[1:-1] for part in sign
    )


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(plain, error.object[error.start : error.end])), error.end


class PlainConsole(Console):
    """A console that lays out what its file can show: tables keep their columns in every encoding.

    Standard output, or with ``stderr=True`` standard error.
    """

    def render_str(self, text: str, **how: Any) -> Text:
        codecs.register_error(PLAIN, _replaced)
        return super().render_str(text.encode(self.encoding, PLAIN).decode(self.encoding), **how)


def say(text: str) -> None:
    """One plain line on standard error."""
    PlainConsole(stderr=True).print(text, markup=False, highlight=False, soft_wrap=True)


def answer(work: Callable[[Options], str], options: Options) -> int:
    """Do the work and say what it came to, code 0; where it raises ValueError or OSError, say that, code 2."""
    try:
        text = work(options)
    except (ValueError, OSError) as error:
        say(f"error: {error}")
        return 2
    say(text)
    return 0


@contextlib.contextmanager
def progress(title: str, total: int | None, unit: str, *, done: int = 0) -> Iterator[Callable[[int], None]]:
    """Yield a function that counts units as done; shows on standard error how many are done, left, and for how long.

    On a terminal that is a bar, elsewhere a line now and then.
    """
    out = PlainConsole(stderr=True)
    if not out.is_terminal:
        yield _lines(title, total, unit, done)
        return
    count = bars.DownloadColumn() if unit == "bytes" else bars.MofNCompleteColumn()
    columns = (bars.TextColumn("{task.description}"), bars.BarColumn(), count, bars.TimeRemainingColumn())
    with bars.Progress(*columns, console=out) as bar:
        task = bar.add_task(title, total=total, completed=done)
        yield lambda count: bar.advance(task, count)


def _lines(title: str, total: int | None, unit: str, done: int) -> Callable[[int], None]:
    begin, start, last = done, 0.0, time.monotonic()
    scale, unit, digits = (1e6, "MB", 2) if unit == "bytes" else (1, unit, 0)
    of_total = "" if total is None else f" of {total / scale:.{digits}f}"

    def advance(count: int) -> None:
        nonlocal begin, start, done, last
        done += count
        now = time.monotonic()
        if not start:
            begin, start = done, now  # what came before was the job's start-up
        if now - last >= SECONDS_BETWEEN_LINES or done == total:
            last, left = now, ""
            if total is not None and begin < done < total:
                left = f", {(now - start) * (total - done) / (done - begin):.0f} s left"
            say(f"{title}: {done / scale:.{digits}f}{of_total} {unit}{left}")

    return advance
