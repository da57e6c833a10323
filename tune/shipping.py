"""What a search ships to MLflow while it runs, and what is raised where that does not answer."""

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from mlflow.exceptions import MlflowException

from fernn.train.loop import Row
from tune.masking import masked
from tune.study import Cell
from tune.tracking import Tracker

OUTAGES: tuple[type[Exception], ...] = (MlflowException, OSError)
with suppress(ImportError):  # which MLflow needs for artifacts in a bucket of S3's alone
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    OUTAGES += (Boto3Error, BotoCoreError, ClientError)
"""What MLflow's client raises where the server, the database or the artifacts cannot be reached."""

UNUSABLE: tuple[type[Exception], ...] = (*OUTAGES, ImportError)
"""The same where its driver is missing."""


class TrackingListener:
    """Ships every reported epoch, and closes a cell's run when its trial ends, without the search waiting for it.

    What is heard is shipped by a thread, in order; what is heard again before that is shipped once. Where MLflow does
    not answer, training goes on: the cells' folders hold everything, and :meth:`Tracker.sync` ships it later.
    """

    def __init__(self, tracker: Tracker) -> None:
        self.tracker, self.study = tracker, tracker.study
        self._tasks: dict[tuple[str, str], Callable[[], None]] = {}
        self._changed, self._closing = threading.Condition(), False
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def started(self, cell: Cell) -> None:
        self._later("start", cell, partial(self.tracker.start, cell))

    def reported(self, cell: Cell, row: Row) -> None:
        self._later("ship", cell, lambda: self.tracker.ship(cell, self.study.cell_folder(cell).history()))

    def lost(self, cell: Cell) -> None:
        """The cell's run stays open: it goes on."""

    def rested(self, cell: Cell) -> None:
        """The cell's run stays open: what comes next is decided."""

    def proposed(self, cell: Cell) -> None:
        """The cell's run is opened when it starts."""

    def stopped(self, cell: Cell) -> None:
        self._later("stop", cell, partial(self.tracker.stop, cell, self.study.cell_folder(cell)))

    def ended(self, cell: Cell, failed: bool) -> None:
        finish = partial(self.tracker.finish, cell, self.study.cell_folder(cell))
        self._later("end", cell, partial(self.tracker.fail, cell) if failed else finish)

    @property
    def pending(self) -> int:
        """How many things heard are still to be begun to ship."""
        return len(self._tasks)

    def close(self, seconds: float) -> None:
        """Ship no more than what is being shipped; raises TimeoutError where that takes longer than so many seconds."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(seconds)
        if self._thread.is_alive():
            raise TimeoutError(f"{masked(self.tracker.uri)} does not answer")
        if self._error is not None:
            raise self._error

    def _later(self, kind: str, cell: Cell, task: Callable[[], None]) -> None:
        with self._changed:
            self._tasks[kind, cell.key] = task
            self._changed.notify()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._tasks or self._closing)
                if self._closing:
                    return
                task = self._tasks.pop(next(iter(self._tasks)))
            try:
                task()
            except OUTAGES:
                continue  # what is missing is shipped with the next that gets through, or at the end
            except Exception as error:
                self._error = self._error or error
