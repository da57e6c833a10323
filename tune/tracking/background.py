"""Log a search to MLflow in the background, and the errors of an MLflow that does not answer."""

import json
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from alembic.util import CommandError
from google.protobuf.json_format import ParseError
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from fernn.train.loop import Row
from tune.core.study import Cell, Study
from tune.engine.ray_tune import SearchCallback
from tune.services.databases import MLFLOW, ViewError, check_usable, display_name, view_errors
from tune.tracking.mlflow_tracker import Tracker

OUTAGES: tuple[type[Exception], ...] = (MlflowException, SQLAlchemyError, CommandError, OSError, ImportError)
OUTAGES += (json.JSONDecodeError, ParseError)  # MLflow's client does not handle a proxy's page or JSON
with suppress(ImportError):  # MLflow needs boto only for artifacts on S3
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    OUTAGES += (Boto3Error, BotoCoreError, ClientError)
"""The errors of MLflow's client where the server, the database or the artifacts cannot be reached or read."""

TRY_AGAIN_S = 10.0
"""Seconds until the next attempt to open MLflow, where no event comes earlier."""


class MLflowView:
    """MLflow's view of a study, opened at the first use that succeeds."""

    def __init__(self, study: Study, uri: str) -> None:
        self.study, self.uri = study, uri
        self.tracker: Tracker | None = None

    def open(self) -> Tracker:
        """The study's runs, brought up to date when they are opened.

        Raises ViewError where MLflow cannot be used, StudyError where another study has the name.
        """
        if self.tracker is None:
            with view_errors(MLFLOW, self.uri):
                check_usable(MLFLOW, self.uri, study=self.study.folder.root)
                tracker = Tracker(self.study, self.uri)
                tracker.sync()
            self.tracker = tracker
        return self.tracker

    def ship(self, task: Callable[[Tracker], Any]) -> Any:
        """Do the task on the runs; raises ViewError where MLflow cannot be used."""
        tracker = self.open()
        with view_errors(MLFLOW, self.uri):
            return task(tracker)


class TrackingListener(SearchCallback):
    """Logs every reported epoch, and closes a cell's run when its trial ends, without delaying the search.

    A thread logs the events in order; an event that repeats before its turn is logged once. Where MLflow cannot be
    used, training continues. The cells' folders hold everything, and what is missing is logged when MLflow can be
    opened, or by :meth:`Tracker.sync` at the end.
    """

    def __init__(self, view: MLflowView) -> None:
        self.view, self.study = view, view.study
        self._tasks: dict[tuple[str, str], Callable[[Tracker], None]] = {}
        self._changed, self._closing, self._tried = threading.Condition(), False, threading.Event()
        self._error: Exception | None = None
        self._behind: Exception | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def opened(self, seconds: float) -> None:
        """Wait for the first attempt to open MLflow; raises what :meth:`MLflowView.open` raises.

        Also raises ViewError where the attempt takes longer than ``seconds``.
        """
        if not self._tried.wait(seconds):
            raise ViewError(MLFLOW, display_name(self.view.uri), "away", f"has not answered within {seconds:g} s")
        if self._behind is not None:
            raise self._behind

    def on_trial_start(self, cell: Cell) -> None:
        self._later("start", cell, lambda tracker: tracker.start(cell))

    def on_epoch(self, cell: Cell, row: Row) -> None:
        self._later("ship", cell, lambda tracker: tracker.ship(cell, self.study.cell_folder(cell).history()))

    def on_cell_stop(self, cell: Cell) -> None:
        self._later("stop", cell, lambda tracker: tracker.stop(cell, self.study.cell_folder(cell)))

    def on_cell_end(self, cell: Cell, failed: bool) -> None:
        folder = self.study.cell_folder(cell)
        self._later("end", cell, lambda tracker: tracker.fail(cell) if failed else tracker.finish(cell, folder))

    @property
    def pending(self) -> int:
        """The number of events that are not logged yet."""
        return len(self._tasks)

    def close(self, seconds: float) -> None:
        """Finish the current task and drop the others; raises ViewError where that takes longer than ``seconds``.

        Raises the first error of a task that was not an outage.
        """
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(seconds)
        if self._thread.is_alive():
            raise ViewError(MLFLOW, display_name(self.view.uri), "away", "does not answer")
        if self._error is not None:
            raise self._error

    def _later(self, kind: str, cell: Cell, task: Callable[[Tracker], None]) -> None:
        with self._changed:
            self._tasks[kind, cell.key] = task
            self._changed.notify()

    def _work(self) -> None:
        self._attempt(lambda tracker: None)
        self._tried.set()
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._tasks or self._closing, TRY_AGAIN_S if self.view.tracker is None else None
                )
                if self._closing:
                    return
                task = self._tasks.pop(next(iter(self._tasks))) if self._tasks else lambda tracker: None
            self._attempt(task)

    def _attempt(self, task: Callable[[Tracker], None]) -> None:
        try:
            self.view.ship(task)
            self._behind = None
        except Exception as error:
            self._behind = error  # the next task that succeeds, or the end of the search, logs what is missing
            cause = error.__cause__ if isinstance(error, ViewError) else None
            if cause is not None and not isinstance(cause, (sqlite3.Error, *OUTAGES)):
                self._error = self._error or error
