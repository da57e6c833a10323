"""What a search trains next: every cell that may be trained, in order, until nothing is left.

Decisions, as which choices stop early or what a sampler proposes, are taken for each model, when its cells have reached
what the decision needs. They depend on the cells' folders alone, so neither on time nor on the order of events.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import product

from data.terminal import say
from fernn.train.loop import Row
from tune.core.protocol import save_study
from tune.core.study import Cell, Study
from tune.engine.growth import copy_shorter_training
from tune.engine.trial import Task
from tune.engine.workload import Failures, Workload
from tune.planning.resources import describe_shares
from tune.planning.schedule import next_segment
from tune.planning.segment import Segment


class Agenda:
    """The tasks of a search; it is used on the thread that runs Ray Tune."""

    def __init__(self, work: Workload, replan: Callable[[], Study] | None = None) -> None:
        """``replan``: the study with what a sampler proposes now, called when a model has nothing to train."""
        self.work, self._replan = work, replan or (lambda: work.study)
        self.failures: Failures = {}
        self.running: dict[str, Task] = {}
        """By the id of its trial."""
        self._due: dict[Cell, int | None] = {}
        self._prepared: set[Cell] = set()
        self._asked: set[str] = set()
        """The models for which the sampler has been asked since their last cell ended."""
        self._paused: set[Cell] = set()
        self._stopped: set[Cell] = set()
        """The cells that a person has stopped since the search began."""
        self._version = -1

    @property
    def study(self) -> Study:
        """The study with all cells that are planned so far."""
        return self.work.study

    def take(self, trial_id: str) -> Task | None:
        """What the trial is to do, None where nothing may start now."""
        if self.work.resources.max_concurrent is not None and len(self.running) >= self.work.resources.max_concurrent:
            return None
        self._refresh()
        cell = self._next()
        if cell is None and self._propose():
            cell = self._next()
        if cell is None:
            return None
        shares = self.work.resources.of(self.study.model_label(cell))
        for control in self.work.controls:
            control.taken(cell)
        self.running[trial_id] = task = Task(cell, self._due.pop(cell), shares)
        return task

    def is_over(self) -> bool:
        """Whether no trial runs and none will: all is done or failed, or what is left may not start in this search."""
        self._refresh()
        return not self.running and (bool(self.ended()) or all(map(self._is_barred, self._due)))

    def ended(self) -> str:
        """Why the search ends before all is done, an empty text where it does not."""
        return next(filter(None, [control.ended() for control in self.work.controls]), "")

    def may_go_on(self, trial_id: str, row: Row) -> bool:
        """Whether the trial may train another epoch, or has none left and only evaluates; every control is asked."""
        task = self.running[trial_id]
        if row["epoch"] >= (task.until or task.cell.experiment.epochs):
            return True
        return all([control.may_go_on(task.cell, row) for control in self.work.controls])

    def held(self, cell: Cell) -> float:
        """GPUs that a trial of the cell holds, the most where kinds of GPU are told apart."""
        return max(gpus for _, gpus in self.work.resources.of(self.study.model_label(cell)).values())

    def end(self, trial_id: str, reason: str | None) -> bool:
        """The trial has ended, for that reason where it failed; whether the cell's failure is final."""
        cell = self.running.pop(trial_id).cell
        label = self.study.model_label(cell)
        self._asked.discard(label)
        is_final = reason is not None and not self._widened(cell, reason)
        if reason is not None and is_final:
            self.failures[cell] = reason
        is_left = reason is None and not self.study.settled(cell)
        if not self.ended() and (self.study.stops_early or is_left or (reason is not None and not is_final)):
            self._plan([label])
        return is_final

    def _refresh(self) -> None:
        """Take all decisions at the beginning, and again after a control has changed what cells may do."""
        if (version := sum(control.version for control in self.work.controls)) != self._version:
            self._version, before = version, list(self._due)
            self._plan(self.study.groups)
            self._tell_of_stops([cell for cell in before if cell not in self._due])

    def _next(self) -> Cell | None:
        """The cell that starts next: of the highest priority, then the first in the plan."""
        controls = self.work.controls
        free = (cell for cell in self._due if self.may_start(cell))
        if not any(control.has_priorities for control in controls):
            return next(free, None)
        return max(free, key=lambda cell: max(control.priority(cell) for control in controls), default=None)

    def _is_barred(self, cell: Cell) -> bool:
        return any(not control.may_start(cell) and not control.waits(cell) for control in self.work.controls)

    def _plan(self, labels: Iterable[str]) -> None:
        """Take the decisions that may be taken for those models, and note what they may train now."""
        for label in labels:
            segment = next_segment(self.study, label, self.failures)
            self._note(label, segment)
        places = {cell: place for place, cell in enumerate(self.study.cells)}
        self._due = dict(sorted(self._due.items(), key=lambda item: places[item[0]]))
        new = [cell for cell in self._due if cell not in self._prepared]
        copy_shorter_training(self.study, new)
        self._prepared.update(new)
        self._tell_of_pauses()

    def _tell_of_pauses(self) -> None:
        """Tell the callbacks which cells are paused, and which no longer are."""
        paused = {cell for cell in self._due if not self.may_start(cell) and not self._is_barred(cell)}
        changed = [cell for cell in self._due if (cell in paused) != (cell in self._paused)]
        for cell, callback in product(changed, self.work.callbacks):
            callback.on_status(cell, "paused" if cell in paused else "waiting")
        self._paused = paused

    def _tell_of_stops(self, gone: Iterable[Cell]) -> None:
        """Tell the callbacks which of the cells a person has stopped, and which cells may go on again."""
        stopped = [cell for cell in gone if self.study.cell_folder(cell).stopped_early()[1]]
        resumed = [cell for cell in self._due if cell in self._stopped]
        for cell, callback in product([*stopped, *resumed], self.work.callbacks):
            callback.on_status(cell, "waiting" if cell in self._stopped else "stopped")
        self._stopped = (self._stopped | set(stopped)) - set(resumed)

    def may_start(self, cell: Cell) -> bool:
        """Whether every control permits a trial of the cell."""
        return all(control.may_start(cell) for control in self.work.controls)

    def _note(self, label: str, segment: Segment) -> None:
        for cell, callback in product(segment.stopped, self.work.callbacks):
            callback.on_status(cell, "stopped")
        busy = {task.cell for task in self.running.values()}
        others = {cell: until for cell, until in self._due.items() if self.study.model_label(cell) != label}
        self._due = others | {cell: until for cell, until in segment.steps if cell not in busy}

    def _propose(self) -> bool:
        """Ask the sampler for models that have nothing to train; whether it has proposed anything."""
        if not self.study.num_to_come:
            return False
        busy = [*self._due, *(task.cell for task in self.running.values())]
        idle = set(self.study.groups) - {self.study.model_label(cell) for cell in busy} - self._asked
        if not idle:
            return False
        self._asked |= idle
        grown, known = self._replan(), set(self.study.cells)
        added = [cell for cell in grown.cells if cell not in known]
        if not added:
            return False
        save_study(grown)
        self.work = replace(self.work, study=grown)
        for control in self.work.controls:
            control.grown(grown)
        for cell, callback in product(added, self.work.callbacks):
            callback.on_status(cell, "waiting")
        self._plan(list(dict.fromkeys(map(grown.model_label, added))))
        return True

    def _widened(self, cell: Cell, reason: str) -> bool:
        """Give a model whose trial ran out of a GPU's memory twice the share there, where that is possible."""
        if not self.work.may_need_more_memory(cell, reason):
            return False
        wider, label = self.work.resources.widened([self.work.place(cell)]), self.study.model_label(cell)
        self.work = replace(self.work, resources=wider)
        say(f"{self.study.label(cell)}: {reason}; goes on with {describe_shares(wider.of(label))}")
        return True
