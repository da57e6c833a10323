"""What a running search shows: one live table on a terminal, plain lines elsewhere."""

import sys
import time
from dataclasses import dataclass

from rich.console import Console
from rich.live import Live
from rich.table import Table

from fernn.train.loop import Row
from tune.study import Cell, Study

SECONDS_BETWEEN_LINES = 10.0
SETTLED = ("done", "stopped early")


@dataclass
class CellState:
    """How far one cell is."""

    cell: Cell
    state: str = "waiting"
    epoch: int = 0
    accuracy: float | None = None
    clips_per_second: float | None = None

    @property
    def epochs(self) -> int:
        return self.cell.experiment.epochs


class Progress:
    """Follows the trials of a search; use it as a context manager around the search."""

    def __init__(self, study: Study, cells: list[Cell], console: Console) -> None:
        self.study, self.console = study, console
        self.states = {cell.key: CellState(cell) for cell in cells}
        self._to_come = study.num_to_come
        self._began: float | None = None
        self._ran = 0
        self._last_line = 0.0
        self._live = Live(console=console, get_renderable=self.table, refresh_per_second=2, transient=True)

    def __enter__(self) -> "Progress":
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def started(self, cell: Cell) -> None:
        self.states[cell.key].state = "running"

    def reported(self, cell: Cell, row: Row) -> None:
        state = self.states[cell.key]
        state.epoch, state.accuracy = int(row["epoch"]), row["best/accuracy"]
        state.clips_per_second = row["time/clips_per_second"]
        if self._began is None:
            self._began = time.monotonic()  # start-up does not count
        else:
            self._ran += 1
        if time.monotonic() - self._last_line > SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            self._say(state)

    def rested(self, cell: Cell) -> None:
        self.states[cell.key].state = "waits for the others"

    def stopped(self, cell: Cell) -> None:
        state = self.states.setdefault(cell.key, CellState(cell))
        state.state = "stopped early"
        self._say(state)

    def proposed(self, cell: Cell) -> None:
        self.states[cell.key] = CellState(cell)
        self._to_come = max(0, self._to_come - 1)
        self._say(self.states[cell.key])

    def lost(self, cell: Cell) -> None:
        self.states[cell.key].state = "lost, goes on from its last checkpoint"
        self._say(self.states[cell.key])

    def ended(self, cell: Cell, failed: bool) -> None:
        state = self.states[cell.key]
        state.state = "failed" if failed else "done"
        self._say(state)

    def _say(self, state: CellState) -> None:
        if not self.console.is_terminal:
            done = sum(one.state in SETTLED for one in self.states.values())
            self.console.print(
                f"[{done}/{len(self.states) + self._to_come} cells, {self.left()}] {self.describe(state)}",
                markup=False,
                soft_wrap=True,
            )

    def left(self) -> str:
        """The time that the epochs left will take, at the rate of the epochs so far."""
        if self._began is None or not self._ran:
            return "time left unknown"
        going = [state for state in self.states.values() if state.state not in ("failed", "stopped early")]
        ahead = sum(state.epochs - state.epoch for state in going) + self._to_come * going[0].epochs if going else 0
        return f"{duration((time.monotonic() - self._began) * ahead / self._ran)} left"

    def table(self) -> Table:
        """One row a cell."""
        table = Table(title=f"{self.study.name}: {self.left()}", title_justify="left")
        for column in ("cell", "state", "epoch", "best validation accuracy", "clips/s"):
            table.add_column(column)
        for state in self.states.values():
            accuracy = "" if state.accuracy is None else f"{state.accuracy:.3f}"
            rate = "" if state.clips_per_second is None else f"{state.clips_per_second:.0f}"
            table.add_row(self.study.label(state.cell), state.state, f"{state.epoch}/{state.epochs}", accuracy, rate)
        return table

    def describe(self, state: CellState) -> str:
        """A cell's state as one line."""
        accuracy = "" if state.accuracy is None else f", best validation accuracy {state.accuracy:.3f}"
        return f"{self.study.label(state.cell)}: {state.state}, epoch {state.epoch} of {state.epochs}{accuracy}"


def tables() -> Console:
    """Where tables go: as wide as the terminal, or as wide as they need where the output is no terminal."""
    return Console(width=None if sys.stdout.isatty() else 160)


def duration(seconds: float) -> str:
    """Seconds in words that fit their size."""
    for unit, name, digits in ((86400.0, "days", 0), (3600.0, "h", 1), (60.0, "min", 0)):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.{digits}f} {name}"
    return f"{seconds:.0f} s"
