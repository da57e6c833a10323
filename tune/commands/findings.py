"""What a check of the doctor finds, and how long it may look. It needs nothing but Python."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["ok", "warning", "broken"]


@dataclass(frozen=True)
class Finding:
    """What was found, in one line, and in case of trouble the way out."""

    verdict: Verdict
    text: str
    way_out: str = ""


def ok(text: str) -> Finding:
    """Nothing is wrong."""
    return Finding("ok", text)


def warning(text: str, way_out: str) -> Finding:
    """A search runs, but not as well as it could."""
    return Finding("warning", text, way_out)


def broken(text: str, way_out: str) -> Finding:
    """A search would not run, or not as it was asked to."""
    return Finding("broken", text, way_out)


@dataclass(frozen=True)
class Check:
    """Something to look at, for so many seconds at the most."""

    name: str
    look: Callable[[], Finding]
    limit_s: float = 20.0


@dataclass(frozen=True)
class Result:
    """What a check found, after how long; ``stuck`` where it still looks."""

    name: str
    finding: Finding
    seconds: float
    stuck: bool = False


def result_of(check: Check) -> Result:
    """What the check finds; whatever it raises, and no answer within its limit, is a finding, too."""
    found: list[Finding] = []

    def look() -> None:
        try:
            found.append(check.look())
        except Exception as error:  # in a broken installation anything can raise anything
            reason = (str(error).splitlines() or [""])[0]
            found.append(broken(f"cannot be looked at: {type(error).__name__}: {reason}", ""))

    began = time.monotonic()
    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    thread.join(check.limit_s)
    seconds = time.monotonic() - began
    if found:
        return Result(check.name, found[0], seconds)
    way_out = "find out what it waits for: a network share, a server behind a firewall, a busy machine"
    return Result(check.name, broken(f"no answer within {check.limit_s:g} s", way_out), seconds, stuck=True)
