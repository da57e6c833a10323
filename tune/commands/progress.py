"""The progress of a running search: one live table on a terminal or in a notebook, plain lines elsewhere."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rich.console import Console
from rich.live import Live
from rich.table import Table

from fernn.train.loop import Row
from tune.commands.notebook import NotebookTable
from tune.core.console import duration
from tune.core.status import Status
from tune.core.study import Cell, Study
from tune.engine.bill import EpochTimes
from tune.engine.cost import Cost, Pace
from tune.engine.workload import SearchCallback

SECONDS_BETWEEN_LINES = 10.0
SETTLED = ("done", "stopped")
ORDER: Mapping[Status, int] = {"failed": 1, "resting": 2, "paused": 3, "waiting": 4, "done": 5, "stopped": 6}
"""The order of cells in the live table; running and lost cells come first."""
EPOCH_SECONDS = {"time/train_seconds", "time/validation_seconds"}
LINES_AROUND = 8
"""Lines of a terminal that the live table needs beside its rows."""


@dataclass
class CellProgress:
    """The status and progress of one cell."""

    cell: Cell
    status: Status = "waiting"
    epoch: int = 0
    value: float | None = None
    """The best validation metric so far."""
    clips_per_second: float | None = None


@dataclass(frozen=True)
class Rest:
    """What a search leaves undone for a budget, and what that would cost; None where it is not known."""

    reached: str
    """The budget, as its option was given."""
    cells: int
    epochs: int
    seconds: float | None
    gpu_hours: float | None
    price: float | None

    def line(self) -> str:
        """The rest in words."""
        parts = [] if self.seconds is None else [duration(self.seconds)]
        parts += [] if self.gpu_hours is None else [f"{self.gpu_hours:.2f} GPU-hours"]
        parts += [] if self.price is None else [f"a price of {self.price:,.2f}"]
        cost = f", about {', '.join(parts)}" if parts else ""
        return f"{self.reached} is reached, {self.epochs} epochs of {self.cells} cells are left{cost}"


class Forecast(SearchCallback):
    """What is left of a search: its time at the speed so far, and the GPU-hours at the speed of its epochs."""

    def __init__(self, study: Study, cells: list[Cell], pace: Pace) -> None:
        self.study, self.pace = study, pace
        self.states = {cell.key: CellProgress(cell, epoch=pace.epochs_done.get(cell.key, 0)) for cell in cells}
        self._to_come = study.num_to_come
        self._began: float | None = None
        self._ran = 0.0
        self._times = EpochTimes(pace.epoch_seconds)

    def on_epoch(self, cell: Cell, row: Row) -> None:
        state = self.states[cell.key]
        state.status, state.epoch = "running", int(row["epoch"])
        state.value = row[f"best/{self.study.metric.name}"]
        state.clips_per_second = row["time/clips_per_second"]
        if row.keys() >= EPOCH_SECONDS:
            self._times.add(self._label(cell), sum(row[name] for name in EPOCH_SECONDS))
        if self._began is None:
            self._began = time.monotonic()  # the time before the first epoch does not count
        else:
            self._ran += self._weight(cell)

    def on_status(self, cell: Cell, status: Status) -> None:
        if status == "waiting" and cell.key not in self.states:  # the sampler has added it
            self._to_come = max(0, self._to_come - 1)
        self.states.setdefault(cell.key, CellProgress(cell)).status = status

    def seconds_left(self) -> float | None:
        """The time left at the speed so far; epochs are weighted by the plan's seconds for each model."""
        if self._began is None or not self._ran:
            return None
        return (time.monotonic() - self._began) * self._ahead(self._weight) / self._ran

    def gpu_hours_left(self) -> float | None:
        """Hours of the epochs left times the share of a GPU of each; None without a GPU, and before the first epoch.

        An epoch takes what the model's epochs took so far, see :class:`EpochTimes`.
        """
        if not self._times or not any(self.pace.gpus.values()):
            return None

        def hours(cell: Cell) -> float:
            label = self._label(cell)
            return (self._times.of(label) or 0.0) * self.pace.gpus.get(label, 0.0) / 3600

        return self._ahead(hours)

    def rest(self, reached: str, cost: Cost | None) -> Rest:
        """What is left now that a budget is reached; before the first epoch it is what the plan's ``cost`` says."""
        cells = sum(state.status not in ("failed", *SETTLED) for state in self.states.values()) + self._to_come
        seconds, hours, of_an_hour = self.seconds_left(), self.gpu_hours_left(), None
        if cost is not None:
            seconds = cost.seconds if seconds is None else seconds
            hours = cost.gpu_hours or None if hours is None else hours
            of_an_hour = cost.price / cost.gpu_hours if cost.price and cost.gpu_hours else None
        price = None if hours is None or of_an_hour is None else hours * of_an_hour
        return Rest(reached, cells, round(self._ahead(lambda _: 1.0)), seconds, hours, price)

    def _ahead(self, weight: Callable[[Cell], float]) -> float:
        """The epochs left of all cells, each times its weight; cells to come weigh as much as those that are there."""
        states = self.states.values()
        going = [state for state in states if state.status not in ("failed", "stopped")]
        ahead = sum((state.cell.experiment.epochs - state.epoch) * weight(state.cell) for state in going)
        whole = sum(state.cell.experiment.epochs * weight(state.cell) for state in states)
        return ahead + self._to_come * whole / len(states)

    def _weight(self, cell: Cell) -> float:
        return self.pace.epoch_seconds.get(self._label(cell), 1.0)

    def _label(self, cell: Cell) -> str:
        return self.study.model_label(cell)


class Progress(Forecast):
    """Shows the progress of a search; use it as a context manager around the search."""

    def __init__(self, study: Study, cells: list[Cell], console: Console, pace: Pace) -> None:
        super().__init__(study, cells, pace)
        self.console = console
        self._last_line = 0.0
        self._live = Live(console=console, get_renderable=self.table, refresh_per_second=2, transient=True)
        self._notebook = NotebookTable(self.table) if console.is_jupyter else None

    def __enter__(self) -> "Progress":
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()
        if self._notebook is not None:
            self._notebook.draw()

    def on_epoch(self, cell: Cell, row: Row) -> None:
        super().on_epoch(cell, row)
        self._redraw()
        if time.monotonic() - self._last_line > SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            self._say(self.states[cell.key])

    def on_status(self, cell: Cell, status: Status) -> None:
        super().on_status(cell, status)
        self._redraw()
        if status not in ("running", "resting"):
            self._say(self.states[cell.key])

    def _redraw(self) -> None:
        if self._notebook is not None:
            self._notebook.changed()

    def _say(self, state: CellProgress) -> None:
        if not (self.console.is_terminal or self.console.is_jupyter):
            done = sum(cell.status in SETTLED for cell in self.states.values())
            prefix = f"[{done}/{len(self.states) + self._to_come} cells, {self.left()}]"
            epochs = f"epoch {state.epoch} of {state.cell.experiment.epochs}"
            metric = self.study.metric
            value = "" if state.value is None else f", best validation {metric.title} {metric.text(state.value)}"
            line = f"{prefix} {self.study.label(state.cell)}: {state.status}, {epochs}{value}"
            self.console.print(line, markup=False, soft_wrap=True)

    def left(self) -> str:
        """The time left, and the GPU-hours where there are any, in words."""
        seconds, hours = self.seconds_left(), self.gpu_hours_left()
        text = "time left unknown" if seconds is None else f"{duration(seconds)} left"
        return text if hours is None else f"{text}, {hours:.1f} GPU-hours left"

    def table(self) -> Table:
        """One row a cell, running cells first, and no more rows than the terminal has lines for."""
        states = sorted(self.states.values(), key=lambda state: ORDER.get(state.status, 0))
        shown = states[: max(1, self.console.height - LINES_AROUND)]
        counts = Counter(state.status for state in states)
        summary = ", ".join(f"{count} {state}" for state, count in counts.items())
        metric = self.study.metric
        columns = ("cell", "state", "epoch", f"best validation {metric.title}", "clips/s")
        table = Table(*columns, title=f"{self.study.name}: {summary}; {self.left()}", title_justify="left")
        if len(shown) < len(states):
            table.caption = f"and {len(states) - len(shown)} more"
        for state in shown:
            value = "" if state.value is None else metric.text(state.value)
            rate = "" if state.clips_per_second is None else f"{state.clips_per_second:.0f}"
            epochs = f"{state.epoch}/{state.cell.experiment.epochs}"
            table.add_row(self.study.label(state.cell), state.status, epochs, value, rate)
        return table
