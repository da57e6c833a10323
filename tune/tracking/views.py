"""Bring MLflow's runs and Optuna's study up to date with a study's folders, without delaying the search.

A view that cannot be updated is behind: training goes on, and one line names the reason and the way out.
"""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from operator import methodcaller

from fernn.train.loop import Row
from tune.analysis.results import model_rows
from tune.core.status import Status
from tune.core.study import Cell, Study
from tune.engine.workload import SearchCallback
from tune.measures.measure import Results
from tune.planning.options import Records
from tune.planning.preflight import optuna_storage, tracking_uri
from tune.services.databases import (
    MLFLOW,
    ViewError,
    check_usable,
    error_text,
    first_line,
    is_own_error,
    view_errors,
)
from tune.tracking.mlflow_tracker import Tracker
from tune.tracking.optuna_mirror import mirror
from tune.tracking.ui_views import links

FIRST_S, TRY_AGAIN_S = 15.0, 10.0
"""Seconds for which a starting search waits for MLflow's first answer; and until the next attempt to open MLflow, where
no event comes earlier."""
METHODS: dict[Status, str] = {"running": "start", "stopped": "stop", "failed": "fail", "done": "finish"}
"""The method of :class:`Tracker` that logs a cell's new status."""


class MLflowView:
    """MLflow's view of a study, opened at the first use that succeeds."""

    def __init__(self, study: Study, uri: str) -> None:
        self.study, self.uri = study, uri
        self.tracker: Tracker | None = None

    def ship(self, task: Callable[[Tracker], object] | None = None) -> Tracker:
        """The study's runs, brought up to date when they are opened, after the task was done on them.

        Raises ViewError where MLflow cannot be used, StudyError where another study has the name.
        """
        with view_errors(MLFLOW, self.uri):
            if self.tracker is None:
                check_usable(MLFLOW, self.uri, study=self.study.folder.root)
                tracker = Tracker(self.study, self.uri)
                tracker.sync()
                self.tracker = tracker
            if task is not None:
                task(self.tracker)
            return self.tracker

    def log(self, results: Results | None = None) -> tuple[int, list[str]]:
        """Bring MLflow up to date, with a measure's results; how many runs changed by them, a line where it is behind.

        Raises StudyError for another study's runs.
        """
        changed: list[int] = []

        def task(tracker: Tracker) -> None:
            if results is not None:
                changed.append(tracker.log_results(results))
            tracker.tree.close(complete=not self.study.missing())  # the runs that were opened to bring them up to date

        behind = lines_of(self.study, lambda: self.ship(task))
        return sum(changed), behind


class TrackingListener(SearchCallback):
    """Logs every reported epoch, and closes a cell's run when its trial ends, without delaying the search.

    A thread logs the events in order; an event that repeats before its turn is logged once. Where MLflow cannot be
    used, training continues. The cells' folders hold everything, and what is missing is logged when MLflow can be
    opened, or by :meth:`Tracker.sync` at the end.
    """

    def __init__(self, view: MLflowView) -> None:
        self.view = view
        self._tasks: dict[tuple[str, str], Callable[[Tracker], object]] = {}
        self._changed, self._closing, self._opened = threading.Condition(), False, Future[Tracker]()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def opened(self, seconds: float) -> None:
        """Wait for the first attempt to open MLflow; raises what :meth:`MLflowView.ship` raises.

        Also raises ViewError where the attempt takes longer than ``seconds``.
        """
        try:
            self._opened.result(seconds)
        except TimeoutError as error:
            raise ViewError(MLFLOW, self.view.uri, "away", f"has not answered within {seconds:g} s") from error

    def on_epoch(self, cell: Cell, row: Row) -> None:
        self._later("ship", cell)

    def on_status(self, cell: Cell, status: Status) -> None:
        if status in METHODS:
            self._later(METHODS[status], cell)

    def close(self, seconds: float) -> None:
        """Finish the current task and drop the others; raises ViewError where that takes longer than ``seconds``."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(seconds)
        if self._thread.is_alive():
            raise ViewError(MLFLOW, self.view.uri, "away", "does not answer")

    def _later(self, method: str, cell: Cell) -> None:
        """Call the method of :class:`Tracker` on the cell when its turn comes."""
        with self._changed:
            self._tasks[method, cell.key] = methodcaller(method, cell)
            self._changed.notify()

    def _work(self) -> None:
        try:
            self._opened.set_result(self.view.ship())
        except Exception as error:
            self._opened.set_exception(error)
        while True:
            with self._changed:
                seconds = TRY_AGAIN_S if self.view.tracker is None else None
                self._changed.wait_for(lambda: self._tasks or self._closing, seconds)
                if self._closing:
                    return
                task = self._tasks.pop(next(iter(self._tasks))) if self._tasks else None
            with suppress(Exception):  # the next task that succeeds, or the end of the search, logs what is missing
                self.view.ship(task)


class Views:
    """Both views of a study while a search runs."""

    def __init__(self, study: Study, records: Records) -> None:
        self.study, self.optuna_storage = study, optuna_storage(records)
        self.mlflow = MLflowView(study, tracking_uri(records))
        self.listener = TrackingListener(self.mlflow)

    def begin(self) -> list[str]:
        """Bring both up to date; a line for each that is behind. Raises StudyError where another study has the name."""
        to_optuna = partial(mirror, self.study, self.optuna_storage)
        return lines_of(self.study, to_optuna, partial(self.listener.opened, FIRST_S))

    def end(self, study: Study, seconds: float) -> list[str]:
        """Bring both up to date with the study as it is now; returns a line for each that is behind.

        Waits at most ``seconds`` for MLflow.
        """

        def to_mlflow() -> None:
            self.listener.close(seconds)
            self.mlflow.ship(lambda tracker: refresh(tracker, study))

        return lines_of(study, to_mlflow, partial(mirror, study, self.optuna_storage), refuses=False)

    def links(self) -> Mapping[str, str]:
        """The addresses of MLflow's saved views, empty where it could not be opened."""
        tracker = self.mlflow.tracker
        return {} if tracker is None else links(tracker.uri, tracker.experiment_id)


def lines_of(study: Study, *tasks: Callable[[], object], refuses: bool = True) -> list[str]:
    """Do every task; returns a line for each view that is behind, with the reason and the way out.

    ``refuses``: raise other errors of this project, as StudyError for another study's views; else they become lines.
    """
    lines = []
    for task in tasks:
        try:
            task()
        except ViewError as error:
            lines.append(f"{error.package.name} is behind: {error}; {error.way_out(study.name)}")
        except Exception as error:
            if refuses and is_own_error(error):
                raise
            lines.append(first_line(error) if is_own_error(error) else f"a view is behind: {error_text(error)}")
    return lines


def refresh(tracker: Tracker, study: Study) -> None:
    """Log the cells and the table's numbers that MLflow lacks, then close the runs."""
    tracker.study = study
    tracker.sync()
    tracker.summarise(model_rows(study))
    tracker.tree.close(complete=not study.missing())
