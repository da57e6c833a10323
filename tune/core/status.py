"""The status of a study's cells, read from their folders while a driver may write there."""

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
"""The status of a cell. "resting": its trial has reached a rung and waits for successive halving; "lost": its trial
broke off, and another continues from the last checkpoint; "stopped": ended early by successive halving. Only the driver
knows which cells are resting or lost; their folders say waiting."""


@dataclass(frozen=True)
class CellStatus:
    """One cell's status, the reason where it failed or stopped, its recorded rows and its result."""

    cell: Cell
    status: Status
    reason: str = ""
    rows: list[Row] = field(default_factory=list)
    result: Result = Result()
    """Empty where there is none."""

    @property
    def epoch(self) -> int:
        """The number of recorded epochs."""
        return len(self.rows)

    @property
    def best_epoch(self) -> int | None:
        """The epoch with the best validation metric so far."""
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
        """Seconds of training in the recorded epochs that were timed, None where none was."""
        timed = [row["time/train_seconds"] for row in self.rows if "time/train_seconds" in row]
        return sum(timed) if timed else None

    @property
    def machine(self) -> Mapping[str, Any]:
        """The machine and versions of the result, see :func:`tune.engine.machine.machine`; empty without a result."""
        return self.result.machine


def statuses(study: Study) -> list[CellStatus]:
    """Every cell of the study, in the order of the plan."""
    running = running_cells(study, driver_of(study.folder))
    return study.folder.each(lambda cell: cell_status(study, cell, running), study.cells)


def cell_status(study: Study, cell: Cell, running: Collection[str] = ()) -> CellStatus:
    """The cell's status and records; "damaged", with the file as reason, where a checksum is wrong."""
    folder = study.cell_folder(cell)
    try:
        status, reason = status_in(folder, study.halves, cell.key in running)
        return CellStatus(cell, status, reason, folder.history(), folder.done() or Result())
    except DamagedError as error:
        return CellStatus(cell, "damaged", str(error))


def status_in(folder: CellFolder, halves: bool, is_running: bool = False) -> tuple[Status, str]:
    """The status by a cell's folder, with the reason where the cell ended without a result; raises DamagedError.

    ``halves``: whether successive halving may have stopped the cell.
    """
    if folder.done() is not None:
        return "done", ""
    if (failure := folder.failure()) is not None:
        return ("diverged" if folder.diverged() else "failed"), failure
    if halves and (stopped := folder.stopped()) is not None:
        return "stopped", stopped
    return ("running" if is_running else "waiting"), ""  # a new attempt deletes the last one's failure and stop


def count(study: Study) -> Counter[Status]:
    """How many cells have each status; running cells count as waiting, and histories are not read."""

    def status(cell: Cell) -> Status:
        try:
            return status_in(study.cell_folder(cell), study.halves)[0]
        except DamagedError:
            return "damaged"

    return Counter(study.folder.each(status, study.cells))


def running_cells(study: Study, driver: Mapping[str, Any] | None) -> set[str]:
    """The keys of the cells that the driver's workers train now: of each process, the cell it took over last."""
    if driver is None:
        return set()
    last: dict[tuple[str, int], tuple[float, str]] = {}
    for cell in study.cells:
        try:
            attempt = study.cell_folder(cell).attempt()
        except DamagedError:  # only the word "running" depends on it
            continue
        if attempt is not None and attempt["started"] >= driver.get("started", 0):
            worker, takeover = (attempt["host"], attempt["pid"]), (attempt["started"], cell.key)
            last[worker] = max(last.get(worker, takeover), takeover)
    return {key for _, key in last.values()}
