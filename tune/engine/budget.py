"""Budgets while a search runs: what may start and go on so that none is exceeded."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fernn.train.loop import Row
from tune.core.status import Status
from tune.core.study import Cell, Study
from tune.engine.bill import EpochTimes
from tune.engine.cost import Cost
from tune.engine.workload import Control, SearchCallback
from tune.planning.budget import Limit
from tune.planning.ledger import Ledger, Spent

MARGIN_S, MARGIN_SHARE = 30.0, 0.1
"""Of a budget so many seconds are left unspent for the shutdown, but no more than that share of it. Trials are ended in
the midst of an epoch only when half of that is left."""
EPOCH_SECONDS = ("time/train_seconds", "time/validation_seconds")
ENDED: tuple[Status, ...] = ("done", "failed", "stopped")
"""After these no trial of the cell starts again."""


@dataclass
class Begun:
    """What a trial does now: the epoch after ``epoch``, since then by the clock, holding so many GPUs."""

    label: str
    gpus: float
    since: float
    epoch: int = 0
    ends: bool = False
    """Whether no other epoch follows."""


class Budget(SearchCallback, Control):
    """Permits an epoch where it would end within every budget, beside the epochs that other trials have begun.

    An epoch takes the median of its model's so far, and until there is one what the plan says. ``held`` tells the GPUs
    that a cell's trial holds.
    """

    def __init__(
        self, study: Study, ledger: Ledger, limits: Sequence[Limit], times: EpochTimes, held: Callable[[Cell], float]
    ) -> None:
        self.study, self.ledger, self.limits, self.times, self.held = study, ledger, limits, times, held
        self._meter, self._running = ledger.meter, dict[str, Begun]()
        self._taken: dict[str, tuple[str, float]] = {}
        """By the key of a cell whose trial waits for room: its model, and the GPUs that it will hold."""
        self._refused: dict[str, Limit] = {}
        """By the key of a cell that may not go on: the budget; by an empty key the one that ended the search."""
        self._waiting = {cell.key: cell for cell in study.missing()} if limits else {}
        now = self._meter.wall()
        self._shares = {
            limit: MARGIN_SHARE * (limit.left(Spent(), now) if limit.unit == "moment" else limit.most)
            for limit in limits
        }

    def on_status(self, cell: Cell, status: Status) -> None:
        key = cell.key
        self._running.pop(key, None)
        self._taken.pop(key, None)
        self._waiting.pop(key, None)
        if status in ("running", *ENDED):
            self._refused.pop(key, None)
        if status == "running":
            gpus = self.held(cell)
            self._running[key] = Begun(self.study.model_label(cell), gpus, self._meter.clock())
            self._meter.hold(key, gpus)
        else:
            if "" not in self._refused:  # else the trial is ended from outside, and computes until its process ends
                self._meter.hold(key, 0.0)
            self._waiting |= {} if status in ENDED or not self.limits else {key: cell}

    def on_epoch(self, cell: Cell, row: Row) -> None:
        begun, now = self._running.get(cell.key), self._meter.clock()
        if begun is None or row["epoch"] <= begun.epoch:
            return
        if begun.epoch:
            self.times.add(begun.label, now - begun.since)
        elif row.keys() >= set(EPOCH_SECONDS):  # the time since the start has the trial's start-up in it
            self.times.add(begun.label, sum(row[name] for name in EPOCH_SECONDS))
        begun.epoch, begun.since = int(row["epoch"]), now

    @property
    def reached(self) -> Limit | None:
        """The budget that keeps a cell from its next epoch, if one does."""
        return next(reversed(self._refused.values()), None)

    def may_start(self, cell: Cell) -> bool:
        return self._permits(cell)

    def may_go_on(self, cell: Cell, row: Row) -> bool:
        self.on_epoch(cell, row)
        fits = self._permits(cell)
        if begun := self._running.get(cell.key):
            begun.ends = not fits
        return fits

    def ended(self) -> str:
        """Why all trials end at once: half of a budget's margin is left, or nothing runs and no epoch fits."""
        for limit, left in self._left():
            if left <= self._margin(limit, self._meter.gpus) / 2:
                self._refused[""] = limit
                return f"{limit.option} is reached"
        if self._running or not self._waiting:
            return ""
        by_model = {self.study.model_label(cell): cell for cell in self._waiting.values()}
        obstacles = [self._obstacle(cell) for cell in by_model.values()]
        if (first := obstacles[0]) is None or not all(obstacles):
            return ""
        self._refused[""] = first
        return f"{first.option} has no room for another epoch"

    def _permits(self, cell: Cell) -> bool:
        obstacle = self._obstacle(cell)
        self._refused.pop(cell.key, None)
        self._refused |= {} if obstacle is None else {cell.key: obstacle}
        return obstacle is None

    def taken(self, cell: Cell) -> None:
        """Count the epoch that the cell's trial will begin, so that others do not get the same room."""
        self._taken[cell.key] = (self.study.model_label(cell), self.held(cell))

    def _obstacle(self, cell: Cell) -> Limit | None:
        """The budget within which another epoch of the cell would not end."""
        key, gpus = cell.key, self.held(cell)
        seconds = self.times.of(self.study.model_label(cell)) or 0.0
        gpu_hours = (seconds * gpus + self._promised(key)) / 3600
        waiting = sum(held for other, (_, held) in self._taken.items() if other != key)
        in_all = self._meter.gpus + waiting + (0.0 if key in self._running else gpus)
        for limit, left in self._left():
            if limit.taken_by(seconds, gpu_hours) > left - self._margin(limit, in_all):
                return limit
        return None

    def _left(self) -> Iterator[tuple[Limit, float]]:
        spent, now = self.ledger.spent(), self._meter.wall()
        return ((limit, limit.left(spent, now)) for limit in self.limits)

    def _promised(self, but: str) -> float:
        """The GPU-seconds that all trials but one still take for the epochs that they have begun."""
        now = self._meter.clock()
        others = [one for key, one in self._running.items() if key != but and not one.ends]
        begun = sum(one.gpus * max(0.0, one.since + (self.times.of(one.label) or 0.0) - now) for one in others)
        taken = (one for key, one in self._taken.items() if key != but)
        return begun + sum(gpus * (self.times.of(label) or 0.0) for label, gpus in taken)

    def _margin(self, limit: Limit, gpus: float) -> float:
        """What is left of the budget for the shutdown while trials hold so many GPUs."""
        return min(limit.taken_by(MARGIN_S, MARGIN_S * gpus / 3600), self._shares[limit])


@dataclass(frozen=True)
class Shortage:
    """A budget that a plan exceeds: what is needed at most and at least, and what is left of it."""

    limit: Limit
    needed: float
    least: float
    left: float

    def line(self) -> str:
        """The shortage in words."""
        words, may = self.limit.words, "will" if self.least > self.left else "may"
        needed = words(self.needed) if self.least == self.needed else f"{words(self.least)} to {words(self.needed)}"
        have = f"{words(self.left)} left of {self.limit.option}"
        return f"over budget: about {needed} needed, {have}: the search {may} stop on the way"

    def facts(self) -> dict[str, Any]:
        """The shortage by name."""
        unit = "seconds" if self.limit.unit == "moment" else self.limit.unit
        numbers = {"needed": self.needed, "least_needed": self.least, "left": self.left}
        return {"budget": self.limit.option, "unit": unit, **numbers}


def shortages(limits: Sequence[Limit], cost: Cost | None, spent: Spent, now: float) -> list[Shortage]:
    """The budgets of which less is left than the missing cells need, by an upper estimate; none without one."""
    if cost is None:
        return []
    low = cost.least or cost
    all_of = [
        Shortage(
            limit,
            limit.taken_by(cost.seconds, cost.gpu_hours),
            limit.taken_by(low.seconds, low.gpu_hours),
            limit.left(spent, now),
        )
        for limit in limits
    ]
    return [one for one in all_of if one.needed > one.left]
