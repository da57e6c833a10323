"""How far the cells of a study are, read from their folders, where a driver may be at work."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from fernn.train.loop import Row
from tune.core.cell_folder import CellFolder
from tune.core.driver import driver_of
from tune.core.result import Result
from tune.core.sealing import DamagedError
from tune.core.study import Cell, Study

Status = Literal["done", "running", "waiting", "resting", "lost", "stopped", "diverged", "failed", "damaged"]
"""Of a cell. "resting": its trial has come as far as it was to, and waits for what successive halving decides; "lost":
its trial broke off, and another goes on from the last checkpoint; "stopped": by successive halving. What rests or is
lost is known to the driver alone; by its folder such a cell is waiting."""


@dataclass(frozen=True)
class CellStatus:
    """One cell: its status, the reason for one that is neither done nor under way, and what is recorded of it."""

    cell: Cell
    status: Status
    reason: str = ""
    rows: list[Row] = field(default_factory=list)
    result: Result = Result()
    """Empty while there is none."""

    @property
    def epoch(self) -> int:
        """How many epochs are recorded."""
        return len(self.rows)

    @property
    def best_epoch(self) -> int | None:
        """The epoch by best validation metric so far."""
        return int(self.rows[-1]["best/epoch"]) if self.rows else None

    @property
    def best(self) -> float | None:
        """The best validation metric so far."""
        return self.rows[-1][f"best/{self.cell.metric.name}"] if self.rows else None

    @property
    def test(self) -> float | None:
        """The test metric of the best epoch, None while there is no result."""
        return self.result.metrics.get(f"test/{self.cell.metric.name}")

    @property
    def train_seconds(self) -> float | None:
        """Seconds spent in training so far; none is known of an epoch that was not timed."""
        timed = [row["time/train_seconds"] for row in self.rows if "time/train_seconds" in row]
        return sum(timed) if timed else None

    @property
    def machine(self) -> Mapping[str, Any]:
        """Where the result was computed, and with which versions; empty while there is none."""
        return self.result.machine


def statuses(study: Study) -> list[CellStatus]:
    """Every cell of the study, in the order of the plan."""
    running = running_cells(study, driver_of(study.folder))
    return study.folder.each(lambda cell: cell_status(study, cell, running), study.cells)


def cell_status(study: Study, cell: Cell, running: Collection[str] = ()) -> CellStatus:
    """How far the cell is; one with a file that is not as it was written is "damaged", with which."""
    folder = study.cell_folder(cell)
    try:
        status, reason = status_of(study, cell, running)
        return CellStatus(cell, status, reason, folder.history(), folder.done() or Result())
    except DamagedError as error:
        return CellStatus(cell, "damaged", str(error))


def status_of(study: Study, cell: Cell, running: Collection[str] = ()) -> tuple[Status, str]:
    """The cell's status, with the reason where it ended without a result; raises DamagedError."""
    return status_in(study.cell_folder(cell), study.halves, cell.key in running)


def status_in(folder: CellFolder, halves: bool, is_running: bool = False) -> tuple[Status, str]:
    """As :func:`status_of`, by the cell's folder; ``halves``: whether successive halving may have stopped it."""
    if folder.done() is not None:
        return "done", ""
    if (failure := folder.failure()) is not None:
        return ("diverged" if folder.diverged() else "failed"), failure
    if halves and (stopped := folder.stopped()) is not None:
        return "stopped", stopped
    return ("running" if is_running else "waiting"), ""  # an attempt begins without the marks of the last


def count(study: Study) -> Counter[Status]:
    """How many cells have each status, those that run among the waiting; histories are not read."""

    def status(cell: Cell) -> Status:
        try:
            return status_of(study, cell)[0]
        except DamagedError:
            return "damaged"

    return Counter(study.folder.each(status, study.cells))


def running_cells(study: Study, driver: Mapping[str, Any] | None) -> set[str]:
    """The keys of the cells that workers of the driver are at.

    A worker, a process on a host, goes from cell to cell: it is at the last that it took over.
    """
    last: dict[tuple[str, int], tuple[float, str]] = {}
    for cell in study.cells if driver else ():
        attempt = _attempt(study.cell_folder(cell))
        if attempt is not None and driver is not None and attempt["started"] >= driver.get("started", 0):
            worker, taken = (attempt["host"], attempt["pid"]), (attempt["started"], cell.key)
            last[worker] = max(last.get(worker, taken), taken)
    return {key for _, key in last.values()}


def _attempt(folder: CellFolder) -> dict[str, Any] | None:
    """None as well for one that cannot be read: nothing but the word "running" rests on it."""
    try:
        attempt = folder.attempt()
        return attempt if attempt is None or {"host", "pid", "started"} <= attempt.keys() else None
    except (ValueError, AttributeError):
        return None
