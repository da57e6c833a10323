"""One study, watched: what it shows now, and what of that has changed since an earlier version."""

import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future
from typing import Any

from tune.core.cell_folder import DONE
from tune.core.console import all_masked, one_line
from tune.core.driver import driver_of
from tune.core.folder import DamagedError
from tune.core.given_weights import experiments
from tune.core.identity import STUDY_FILE
from tune.core.orders import Orders, read_orders
from tune.core.protocol import load_study
from tune.core.status import CellStatus, running_cells, state_of
from tune.core.study import USER_ERRORS, Cell, Study
from tune.live.findings import Findings
from tune.live.outlook import outlook
from tune.live.records import cell_record, group_record, history_record, law_records, versioned
from tune.live.snapshot import CELLS, Snapshot
from tune.reporting.overview import order_records, protocol, strategy
from tune.reporting.table import marks

LOOK_S, SHARE, REST = 1.0, 5.0, 10.0
"""Seconds between two looks, at least; and, times what the last look or the last findings took, before the next."""


class Watch:
    """A study's folder, looked at when somebody asks; any thread may ask.

    Every change has a version. Findings, which take long, are worked out in ``background`` and come with a later
    version.
    """

    def __init__(self, root: str, background: Executor, clock: Callable[[], float] = time.monotonic) -> None:
        self.folder, self.background, self.clock = Snapshot(root), background, clock
        self.id, self.version, self.plan_version = uuid.uuid4().hex[:8], 0, 0
        self.study: Study | None = None
        self.problems: list[str] = []
        self._states: dict[str, CellStatus] = {}
        self._cells: dict[str, tuple[int, dict[str, Any]]] = {}
        self._groups: dict[str, tuple[int, dict[str, Any]]] = {}
        self._shown: dict[str, Any] = {}
        self._running: set[str] = set()
        self._driver: dict[str, Any] | None = None
        self._orders = Orders()
        self._findings, self._found, self._found_version = Findings(), {}, 0  # type: ignore[var-annotated]
        self._of: Any = None
        self._job: Future[None] | None = None
        self._busy, self._rest_until, self._next_look = False, 0.0, 0.0
        self._lock = threading.RLock()

    def document(self, since: str = "") -> dict[str, Any]:
        """What the page shows, of cells and groups those that changed after the version ``since``.

        "whole" says that all are there: the version is of another plan, or of a server that was started before.
        """
        with self._lock:
            self._look()
            watch, _, number = since.partition(".")
            known = int(number) if watch == self.id and number.isdigit() else -1
            whole = known < self.plan_version
            known = -1 if whole else known
            return {
                "version": f"{self.id}.{self.version}", "whole": whole, **self._shown, "problems": self.problems,
                "cells": [record for version, record in self._cells.values() if version > known],
                "groups": [record for version, record in self._groups.values() if version > known],
                "findings": self._found if self._found_version > known else None, "is_working": self._busy,
            }  # fmt: skip

    def summary(self) -> dict[str, Any]:
        """The study in a line of a list."""
        with self._lock:
            self._look()
            shown = {
                name: self._shown.get(name) for name in ("study", "data", "marks", "counts", "driver", "num_to_come")
            }
            times = [state.result.finished_at for state in self._states.values()]
            last = max((moment for moment in times if moment is not None), default=None)
            return {**shown, "num_cells": len(self._states), "last_result_at": last, "problems": self.problems}

    def history(self, cell: str) -> dict[str, Any] | None:
        """A cell's metrics by epoch, None where the study has no such cell."""
        with self._lock:
            self._look()
            state = self._states.get(cell)
            return None if state is None else all_masked(history_record(state))

    def refresh(self) -> None:
        """Look at the folder the next time that somebody asks, however soon that is."""
        self._next_look = 0.0

    def _look(self) -> None:
        if (began := self.clock()) < self._next_look:
            return
        try:
            changed = self.folder.look()
            self.problems = []
            if self.study is None or any(path == STUDY_FILE or path.endswith("/config.json") for path in changed):
                self.study, changed = load_study(self.folder), {*changed, *self._begin_anew()}
            self._update(self.study, changed)
            self._work_out(self.study)
        except USER_ERRORS as error:
            self.problems = [*self.problems, all_masked(one_line(error))]
            self.study = None  # is loaded at the next look
        self._next_look = self.clock() + max(LOOK_S, SHARE * (self.clock() - began))

    def _begin_anew(self) -> Iterable[str]:
        """Forget what was known of cells; the paths of all files."""
        self.version = self.plan_version = self.version + 1
        self._states, self._cells, self._groups, self._of = {}, {}, {}, None
        return self.folder.paths()

    def _update(self, study: Study, changed: set[str]) -> None:
        """Bring the records up to date with the files that changed."""
        driver, orders = driver_of(study.folder), self._read_orders(study)
        running = running_cells(study, driver)
        names = {path.split("/")[1] for path in changed if path.startswith(f"{CELLS}/")}
        others = orders.entries != self._orders.entries
        due = [cell for cell in study.cells if others or self._is_due(cell, names, running)]
        self._running, self._orders = running, orders
        found = study.folder.each(lambda cell: state_of(study, cell, cell.key in running, orders), due)
        self._states |= {state.cell.name: state for state in found}
        made = versioned(self._cells, (cell_record(study, one) for one in found), "cell", self.version + 1)
        self._cells |= made
        labels = {record["group"] for _, record in made.values()}
        groups = versioned(self._groups, self._group_records(study, labels), "group", self.version + 1)
        self._groups |= groups
        shown = all_masked(self._facts(study, driver)) if changed or due or driver != self._driver else self._shown
        if shown != self._shown or any(version > self.version for version, _ in (*made.values(), *groups.values())):
            self.version += 1
        self._shown, self._driver = shown, driver

    def _is_due(self, cell: Cell, names: set[str], running: set[str]) -> bool:
        is_other = (cell.key in running) != (cell.key in self._running)
        return cell.name in names or is_other or cell.name not in self._states

    def _read_orders(self, study: Study) -> Orders:
        """The orders; where one is damaged, that is a problem to show, and those that were known hold on."""
        try:
            return read_orders(study.folder, self._orders)
        except DamagedError as error:
            self.problems = [*self.problems, str(error)]
            return self._orders

    def _group_records(self, study: Study, wanted: set[str]) -> Iterable[dict[str, Any]]:
        for label, choices in study.groups.items():
            for choice, cells in choices.items():
                if f"{label} · {choice.text}" in wanted:
                    yield group_record(study, label, choice, [self._states[cell.name] for cell in cells])

    def _facts(self, study: Study, driver: dict[str, Any] | None) -> dict[str, Any]:
        """What is shown besides cells, groups and findings; little, and sent each time."""
        states, planned = [*self._states.values()], experiments(study)
        metric = study.metric if study.cells else None
        return {
            "study": study.name, "folder": study.folder.root, "marks": marks(study), "driver": driver,
            "data": planned[0].data.name if planned else "", "strategy": strategy(study),
            "protocol": protocol(study) if planned else {}, "choices": study.choices_title,
            "metric": metric and {"name": metric.name, "title": metric.title, "higher": metric.higher_is_better},
            "counts": dict(Counter(state.status for state in states)), "num_to_come": study.num_to_come,
            "epochs_done": sum(len(state.rows) for state in states),
            "epochs": sum(state.cell.experiment.epochs for state in states),
            "law": law_records(study, states), "orders": self._order_records(study), "cost": outlook(study, states),
        }  # fmt: skip

    def _order_records(self, study: Study) -> list[dict[str, Any]]:
        try:
            return order_records(study)
        except DamagedError:  # is among the problems
            return []

    def _work_out(self, study: Study) -> None:
        """Start to work out the findings, where results have changed and the last time is long enough ago."""
        results = self.folder.stamps_of(DONE)
        if results == self._of or self._busy or self.clock() < self._rest_until:
            return
        if self._job is not None and self._job.done():
            self._job.result()  # raises what went wrong there, which is no user's
        self._of, self._busy = results, True
        self._job = self.background.submit(self._find, study, [*self._states.values()])

    def _find(self, study: Study, states: Sequence[CellStatus]) -> None:
        began, found = self.clock(), None
        try:
            found = self._findings.of(study, states)
        finally:
            with self._lock:
                self._busy, self._rest_until = False, self.clock() + REST * (self.clock() - began)
                if found is not None and self.study is study:
                    self.version += 1
                    self._found, self._found_version = found, self.version
