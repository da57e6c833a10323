"""The progress of a running search: one live table on a terminal, plain lines elsewhere."""

import time
from bisect import insort
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from rich.console import Console
from rich.live import Live
from rich.table import Table

from fernn.train.loop import Row
from tune.core.console import duration
from tune.core.status import Status
from tune.core.study import Cell, Study
from tune.engine.cost import Pace
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


class Forecast(SearchCallback):
    """What is left of a search: its time at the speed so far, and the GPU-hours at the speed of its epochs."""

    def __init__(self, study: Study, cells: list[Cell], pace: Pace) -> None:
        self.study, self.pace = study, pace
        self.states = {cell.key: CellProgress(cell, epoch=pace.epochs_done.get(cell.key, 0)) for cell in cells}
        self._to_come = study.num_to_come
        self._began: float | None = None
        self._ran = 0.0
        self._seconds: dict[str, list[float]] = {}
        """Of epochs by model, as trained, beside other trials on the same GPU where there are any; in rising order."""

    def on_epoch(self, cell: Cell, row: Row) -> None:
        state = self.states[cell.key]
        state.status, state.epoch = "running", int(row["epoch"])
        state.value = row[f"best/{self.study.metric.name}"]
        state.clips_per_second = row["time/clips_per_second"]
        if row.keys() >= EPOCH_SECONDS:
            insort(self._seconds.setdefault(self._label(cell), []), sum(row[name] for name in EPOCH_SECONDS))
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

        An epoch takes what the model's epochs took so far: the plan, which probes a model alone, does not count. A
        model that has had none yet is taken to be as much slower than its plan as the others.
        """
        if not self._seconds or not any(self.pace.gpus.values()):
            return None
        planned, taken = self.pace.epoch_seconds, {label: middle(rising) for label, rising in self._seconds.items()}
        slower = [seconds / planned[label] for label, seconds in taken.items() if planned.get(label)]
        factor = median(slower) if slower else 1.0

        def hours(cell: Cell) -> float:
            label = self._label(cell)
            seconds = taken[label] if label in taken else factor * planned.get(label, 0.0)
            return seconds * self.pace.gpus.get(label, 0.0) / 3600

        return self._ahead(hours)

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


def middle(rising: Sequence[float]) -> float:
    """The median of numbers in rising order, which are not sorted again."""
    return (rising[(len(rising) - 1) // 2] + rising[len(rising) // 2]) / 2


class Progress(Forecast):
    """Shows the progress of a search; use it as a context manager around the search."""

    def __init__(self, study: Study, cells: list[Cell], console: Console, pace: Pace) -> None:
        super().__init__(study, cells, pace)
        self.console = console
        self._last_line = 0.0
        self._live = Live(console=console, get_renderable=self.table, refresh_per_second=2, transient=True)

    def __enter__(self) -> "Progress":
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def on_epoch(self, cell: Cell, row: Row) -> None:
        super().on_epoch(cell, row)
        if time.monotonic() - self._last_line > SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            self._say(self.states[cell.key])

    def on_status(self, cell: Cell, status: Status) -> None:
        super().on_status(cell, status)
        if status not in ("running", "resting"):
            self._say(self.states[cell.key])

    def _say(self, state: CellProgress) -> None:
        if not self.console.is_terminal:
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
