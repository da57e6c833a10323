"""Runs an agenda with Ray Tune, which asks for a task whenever it has room for a trial."""

import logging
import os
import signal
import sys
import tempfile
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import ray
from ray import tune
from ray.tune.progress_reporter import TrialProgressCallback
from ray.tune.search import Searcher

from fernn.models.own import NAMED
from fernn.train.graph import SWITCH
from tune.core.driver import stop_on_sigterm
from tune.core.identity import has_studies
from tune.core.status import Status
from tune.core.study import Cell, StudyError
from tune.engine.agenda import Agenda
from tune.engine.any_kind import any_kind, request
from tune.engine.machine import home_problem
from tune.engine.trial import OUT_OF_MEMORY, trial
from tune.planning.resources import hardware

SWITCHES = (SWITCH, "FERNN_TRITON")
"""Environment variables that trials read, and that a cluster's workers get from the driver."""
ROOT = Path(__file__).parents[2]
"""The folder of this project's packages."""
TUNE_ENVIRONMENT = {
    "RAY_AIR_NEW_OUTPUT": "0",  # Tune's new output prints a banner even at verbosity 0
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # no CSV, JSON and TensorBoard files
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",  # a cell may end without another epoch to report
}


class Unsaved:
    """What Ray saves of a search for a restore that none uses: nothing, as the agenda holds threads and files."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class Relay(Unsaved, tune.Callback):
    """Calls the search's callbacks from those of Ray Tune, and tells the agenda which trials have ended.

    Tune fails a trial whose callback raises. So ``error`` stores the first exception, training continues, and
    :func:`run_search` raises it at the end.
    """

    def __init__(self, agenda: Agenda) -> None:
        self.agenda = agenda
        self.error: Exception | None = None
        self.is_interrupted = False

    def setup(self, *arguments: Any, **info: Any) -> None:
        """Note a Ctrl-C, too, which Tune does not look at while nothing may start."""
        tunes = signal.getsignal(signal.SIGINT)

        def interrupt(number: int, frame: FrameType | None) -> None:
            self.is_interrupted = True
            if callable(tunes):
                tunes(number, frame)

        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, interrupt)

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._call("on_status", trial, "running")

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        self._call("on_epoch", trial, result)

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._call("on_status", trial, "lost")

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        cell = cell_of(trial)
        folder = self.agenda.study.cell_folder(cell)
        reason = folder.failure()
        if reason is not None and not (reason.startswith(OUT_OF_MEMORY) and not self.agenda.may_start(cell)):
            return self._end(trial, reason)  # else it is that of an earlier trial, and a person has paused the cell
        ended: Status = "stopped" if folder.stopped_early()[1] else "resting"
        self._call("on_status", trial, ended if folder.done() is None else "done")
        self._end(trial, None)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._end(trial, str(trial.get_error()).strip().splitlines()[-1].strip())

    def _end(self, trial: Any, reason: str | None) -> None:
        """Tell the agenda, since Ray's results do not name the cell of a trial that fails before it reports."""
        try:
            is_final = self.agenda.end(trial.trial_id, reason)
        except Exception as error:
            self.error, is_final = self.error or error, True
        if reason is not None:
            self._call("on_status", trial, "failed" if is_final else "lost")

    def _call(self, method: str, trial: Any, *arguments: Any) -> None:
        try:
            for callback in self.agenda.work.callbacks:
                getattr(callback, method)(cell_of(trial), *arguments)
        except Exception as error:
            self.error = self.error or error


class Silent(TrialProgressCallback):
    """Stands for the callback by which Tune prints trials that end without a result."""

    def _print(self, msg: str) -> None:
        pass


class NoReport(tune.ProgressReporter):
    """Stands for Tune's own reporter, which clears what a notebook shows before it prints another table."""

    def should_report(self, trials: Any, done: bool = False) -> bool:
        return False


def cell_of(trial: Any) -> Cell:
    """The cell that the trial of Ray Tune trains."""
    cell: Cell = trial.config["task"].cell
    return cell


class Queue(Unsaved, Searcher):
    """Gives Ray Tune the agenda's tasks, when it has room for one."""

    def __init__(self, agenda: Agenda, relay: Relay) -> None:
        super().__init__()
        self.agenda, self.relay = agenda, relay

    def suggest(self, trial_id: str) -> Any:
        try:
            is_over = self.relay.is_interrupted or self.agenda.ended()
            task = None if is_over else self.agenda.take(trial_id)
            if task is not None:
                return {"task": task}
            return Searcher.FINISHED if is_over or self.agenda.is_over() else None
        except Exception as error:
            self.relay.error = self.relay.error or error
            return Searcher.FINISHED

    def on_trial_complete(self, trial_id: str, result: Any = None, error: bool = False) -> None:
        """The relay has heard of it."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the cells' folders hold the state of a search."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing."""


class Halt(Unsaved, tune.Stopper):
    """Ends a trial after an epoch, and all trials, where a control of the search says so.

    A trial is not asked after the last epoch of its task: what follows is the cell's evaluation.
    """

    def __init__(self, agenda: Agenda) -> None:
        self.agenda = agenda

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        if "epoch" not in result or result.get("done"):  # Tune repeats the last row when a trial has ended
            return False
        return not self.agenda.may_go_on(trial_id, result)

    def stop_all(self) -> bool:
        return bool(self.agenda.ended())


def run_search(agenda: Agenda) -> None:
    """Train all that is on the agenda, and what comes to it meanwhile.

    Ray must be initialized. Raises the first exception of a callback, after all cells.
    """
    relay, handler = Relay(agenda), signal.getsignal(signal.SIGINT)
    if not agenda.is_over():
        cells = agenda.study.cells
        ship_models(cells)
        with tempfile.TemporaryDirectory(prefix="fernn-search-") as scratch:
            try:
                with any_kind() if any(agenda.work.kinds(cells)) else nullcontext():
                    make_tuner(agenda, relay, scratch).fit()
            finally:  # Tune replaces the handler of Ctrl-C and does not restore it
                if threading.current_thread() is threading.main_thread():
                    signal.signal(signal.SIGINT, handler)
    if relay.error is not None:
        raise relay.error


def make_tuner(agenda: Agenda, relay: Relay, scratch: str) -> tune.Tuner:
    """Ray Tune with the agenda's tasks, which writes only into ``scratch``."""
    os.environ.update(TUNE_ENVIRONMENT)
    work = agenda.work
    bare = replace(work.study, cells=())  # a task brings its cell
    trainable = tune.with_parameters(trial, study=bare, corpus=work.corpus)
    return tune.Tuner(
        tune.with_resources(trainable, lambda config: request(config["task"].shares)),
        tune_config=tune.TuneConfig(search_alg=Queue(agenda, relay), num_samples=-1, reuse_actors=True),
        run_config=tune.RunConfig(
            name=work.study.name,
            storage_path=scratch,
            failure_config=tune.FailureConfig(max_failures=2),
            callbacks=[relay, Silent()],
            stop=Halt(agenda),
            progress_reporter=NoReport(),
            verbose=0,
        ),
    )


def ship_models(cells: Sequence[Cell]) -> None:
    """Send the modules of users' own models to workers by value; modules that they import must be on each node."""
    for module in {type(cell.experiment.model).__module__ for cell in cells if cell.experiment.model.is_own}:
        ray.cloudpickle.register_pickle_by_value(sys.modules[module])


@contextmanager
def ray_runtime(address: str | None) -> Iterator[None]:
    """Ray, connected to ``address`` or started on this machine, without its log on the console.

    Raises StudyError where ``address`` is no running cluster, or where this process uses Ray already.
    """
    os.environ.setdefault("RAY_OVERRIDE_JOB_RUNTIME_ENV", "1")  # a submitted job may have the switches as well
    if address is None and "RAY_AUTH_TOKEN_PATH" not in os.environ and home_problem():
        os.environ.setdefault("RAY_AUTH_TOKEN", uuid.uuid4().hex)  # Ray stores its own token in the home folder
    try:
        # Workers import from the current folder first. Only a user's own model needs it, and never a folder of studies.
        with nullcontext() if NAMED and not has_studies(Path.cwd()) else chdir(ROOT):
            ray.init(
                address=address or "local",  # without an address Ray would join any cluster that it finds
                include_dashboard=False if address is None else None,
                log_to_driver=False,
                logging_level=logging.ERROR,
                runtime_env=given_switches() if address else None,
            )
    except (ConnectionError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise StudyError(f"--address must be a running Ray cluster, {address} is none: {reason}") from error
    except RuntimeError as error:
        if not ray.is_initialized():
            raise
        raise StudyError("this process uses Ray already: call ray.shutdown() first, a search starts its own") from error
    stop_on_sigterm()
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = pending_trials(address)
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # the search's callbacks report lost and failed trials
    try:
        yield
    finally:
        ray.shutdown()


def pending_trials(address: str | None) -> str:
    """How many trials may wait for room: one on this machine, so that priorities and budgets hold for all others.

    A few let a cluster start trials side by side. Many, as in Tune's own grids, let an autoscaler start all machines at
    the same time.
    """
    if address is None:
        return "auto"
    return "200" if hardware().scaled else "8"


def given_switches() -> dict[str, Any] | None:
    """The environment of a cluster's workers where the driver has switches, else None: theirs."""
    given = {name: os.environ[name] for name in SWITCHES if name in os.environ}
    return {"env_vars": given} if given else None
