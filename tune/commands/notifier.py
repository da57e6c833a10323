"""Tells people elsewhere how a search goes: start, failures, silence, a budget that is reached, and the end."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from fernn.train.loop import Row
from tune.core.console import duration
from tune.core.folder import DamagedError
from tune.core.status import Status
from tune.core.study import Cell, Study
from tune.engine.workload import SearchCallback
from tune.services.webhook import Webhook

TOGETHER_S = 60.0
"""Seconds between two messages on failures: all that fail meanwhile stand in one."""
LOOK_S = 5.0
"""Seconds between two looks for failures to tell and for a silence."""
CLOSE_S = 5.0
"""Seconds that the end of a search waits for messages."""
MOST_NAMED = 10


class Notifier(SearchCallback):
    """Sends the messages of one search; does nothing without a webhook. Use it as a context manager around training."""

    def __init__(self, webhook: Webhook | None, silence_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.webhook, self.silence_s, self._clock = webhook, silence_s, clock
        self.study: Study | None = None
        """The study that has started, None before."""
        self._failed: list[Cell] = []
        self._heard, self._told, self._is_silent, self._num_failed = clock(), -TOGETHER_S, False, 0
        self._ended, self._lock = threading.Event(), threading.Lock()

    def started(self, study: Study, lines: Sequence[str], /, **facts: Any) -> None:
        """The search of the study starts: the lines say what and at which cost."""
        self.study = study
        self._send("start", f"started: {'; '.join(lines)}", **facts)

    def reached(self, line: str, **facts: Any) -> None:
        """A budget is reached."""
        self._send("budget", line, **facts)

    def ended(self, lines: Sequence[str], **facts: Any) -> None:
        """The search has ended: the lines are those of its table and of what is left."""
        self._send("end", "\n".join(["ended", *lines]), **facts)

    def close(self) -> str:
        """Wait a few seconds for what is not delivered; a line on what could not be, or an empty text."""
        return "" if self.webhook is None else self.webhook.close(CLOSE_S)

    def __enter__(self) -> "Notifier":
        self._heard = self._clock()
        if self.webhook is not None:
            threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._tell_failures()

    def on_epoch(self, cell: Cell, row: Row) -> None:
        self._hear()

    def on_status(self, cell: Cell, status: Status) -> None:
        self._hear()
        if status == "failed":
            with self._lock:
                self._failed.append(cell)

    def look(self) -> None:
        """Tell the failures whose time has come, and that nothing has happened for long."""
        now = self._clock()
        if now - self._told >= TOGETHER_S:
            self._tell_failures()
        if now - self._heard >= self.silence_s and not self._is_silent:
            self._is_silent = True
            self._send(
                "silence", f"nothing for {duration(now - self._heard)}: no epoch ended and no cell began or ended"
            )

    def _watch(self) -> None:
        while not self._ended.wait(LOOK_S):
            self.look()

    def _hear(self) -> None:
        now, before = self._clock(), self._heard
        self._heard = now
        if self._is_silent:
            self._is_silent = False
            self._send("goes on", f"goes on after {duration(now - before)} without an event")

    def _tell_failures(self) -> None:
        with self._lock:
            failed, self._failed = self._failed, []
        if not failed or self.study is None:
            return
        self._told, self._num_failed = self._clock(), self._num_failed + len(failed)
        reasons = {cell.name: self._reason(cell) for cell in failed[:MOST_NAMED]}
        lines = [f"{self.study.label(cell)} failed: {reasons[cell.name]}" for cell in failed[:MOST_NAMED]]
        lines += [f"and {len(failed) - MOST_NAMED} more"] if len(failed) > MOST_NAMED else []
        self._send("failure", "\n".join(lines), failed=reasons, num_failed=self._num_failed)

    def _reason(self, cell: Cell) -> str:
        assert self.study is not None
        try:
            reason = self.study.cell_folder(cell).failure()
        except (OSError, DamagedError):
            reason = None
        return reason or "the search's output has the reason"

    def _send(self, event: str, text: str, /, **facts: Any) -> None:
        if self.webhook is not None and self.study is not None:
            name = self.study.name
            self.webhook.send({"text": f"{name}: {text}", "event": event, "study": name} | facts)
