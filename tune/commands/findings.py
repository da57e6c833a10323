"""The doctor's checks and findings. This module imports nothing but Python's own library."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["ok", "warning", "broken"]


@dataclass(frozen=True)
class Finding:
    """The result of a check in one line, and the way out of a fault."""

    verdict: Verdict
    text: str
    way_out: str = ""


def ok(text: str) -> Finding:
    """A finding without a fault."""
    return Finding("ok", text)


def warning(text: str, way_out: str) -> Finding:
    """A finding with which a search runs, but not as well as it could."""
    return Finding("warning", text, way_out)


def broken(text: str, way_out: str) -> Finding:
    """A finding with which a search would fail or not follow its options."""
    return Finding("broken", text, way_out)


@dataclass(frozen=True)
class Check:
    """A named check, and the most seconds that it may take."""

    name: str
    run: Callable[[], Finding]
    limit_s: float = 20.0


@dataclass(frozen=True)
class Result:
    """A check's finding and its duration; ``stuck`` where it has not ended."""

    name: str
    finding: Finding
    seconds: float
    stuck: bool = False


def result_of(check: Check) -> Result:
    """Run the check; an exception or a timeout is a broken finding."""
    findings: list[Finding] = []

    def run() -> None:
        try:
            findings.append(check.run())
        except Exception as error:  # a broken installation can raise any exception
            reason = (str(error).splitlines() or [""])[0]
            findings.append(broken(f"cannot be checked: {type(error).__name__}: {reason}", ""))

    start = time.monotonic()
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(check.limit_s)
    seconds = time.monotonic() - start
    if findings:
        return Result(check.name, findings[0], seconds)
    way_out = "find out what it waits for: a network share, a server behind a firewall, a busy machine"
    return Result(check.name, broken(f"no answer within {check.limit_s:g} s", way_out), seconds, stuck=True)
