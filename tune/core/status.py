"""The status of a study's cells, read from their folders while a driver may write there."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from fernn.train.loop import Row
from tune.core.cell_folder import CellFolder
from tune.core.driver import driver_of
from tune.core.folder import DamagedError
from tune.core.orders import Orders, read_orders
from tune.core.result import Result
from tune.core.study import Cell, Study

Status = Literal["done", "running", "waiting", "resting", "lost", "paused", "stopped", "diverged", "failed", "damaged"]
"""The status of a cell. "resting": its trial ended before the cell's last epoch, and another will continue it; "lost":
its trial broke off, and another continues from the last checkpoint; "paused": by an order of a person, until another
order; "stopped": ended early by a scheduler or a person. Only the driver knows which cells are resting or lost; their
folders say waiting."""


@dataclass(frozen=True)
class CellStatus:
    """One cell's status, the reason where it failed or stopped, its recorded rows and its result."""

    cell: Cell
    folder: CellFolder
    status: Status
    reason: str = ""
    rows: list[Row] = field(default_factory=list)
    result: Result = Result()
    """Empty where there is none."""

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

    def seconds(self, part: Literal["train", "validation"]) -> float | None:
        """Seconds of the result, or of the recorded epochs that were timed; None where neither has any."""
        if (of_result := getattr(self.result, f"{part}_seconds")) is not None:
            return of_result
        timed = [row[name] for row in self.rows if (name := f"time/{part}_seconds") in row]
        return sum(timed) if timed else None


def statuses(study: Study) -> list[CellStatus]:
    """Every cell of the study, in the order of the plan; "damaged", with the file as reason, for a wrong checksum."""
    running, orders = running_cells(study, driver_of(study.folder)), read_orders(study.folder)
    return study.folder.each(lambda cell: state_of(study, cell, cell.key in running, orders), study.cells)


def state_of(study: Study, cell: Cell, is_running: bool, orders: Orders) -> CellStatus:
    """One cell's entry of :func:`statuses`."""
    folder = study.cell_folder(cell)
    try:
        found = cell_status(cell, folder, study.stops_early, is_running)
        pause = orders.pause_of(cell) if found.status == "waiting" else None
        return found if pause is None else replace(found, status="paused", reason=f"by {pause.who}")
    except DamagedError as error:
        return CellStatus(cell, folder, "damaged", str(error))


def cell_status(cell: Cell, folder: CellFolder, stops_early: bool, is_running: bool = False) -> CellStatus:
    """The cell's status by :func:`status_in`, with its records; raises DamagedError."""
    if (result := folder.done()) is not None:
        return CellStatus(cell, folder, "done", "", folder.history(), result)
    status, reason = status_in(folder, stops_early, is_running)
    return CellStatus(cell, folder, status, reason, folder.history())


def status_in(folder: CellFolder, stops_early: bool, is_running: bool = False) -> tuple[Status, str]:
    """The status by a cell's folder, with the reason where the cell ended without a result; raises DamagedError.

    ``stops_early``: whether the study's scheduler may have stopped the cell; a person may have in any study.
    """
    if folder.done() is not None:
        return "done", ""
    if (failure := folder.failure()) is not None:
        return ("diverged" if folder.diverged() else "failed"), failure
    reason, by_hand = folder.stopped_early()
    if reason is not None and (stops_early or by_hand):
        return "stopped", reason
    return ("running" if is_running else "waiting"), ""  # a new attempt deletes the last one's failure and stop


def count(study: Study) -> Counter[Status]:
    """How many cells have each status; running cells count as waiting, and histories are not read."""

    def status(cell: Cell) -> Status:
        try:
            return status_in(study.cell_folder(cell), study.stops_early)[0]
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
