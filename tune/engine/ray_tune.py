"""Runs cells of a study with Ray Tune; its Optuna search proposes exactly these cells, each once."""

import logging
import os
import signal
import sys
import tempfile
import threading
import uuid
import warnings
from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import ray
from ray import tune
from ray.tune.search.optuna import OptunaSearch

from data.stream import Corpus
from fernn.models.own import NAMED
from fernn.train.graph import SWITCH
from fernn.train.loop import Row
from tune.core.driver import stop_on_sigterm
from tune.core.identity import has_studies
from tune.core.status import Status
from tune.core.study import Cell, Study, StudyError
from tune.engine.any_kind import any_kind, request
from tune.engine.control import Control
from tune.engine.machine import home_problem
from tune.engine.stopper import ControlStopper
from tune.engine.trial import OUT_OF_MEMORY, trial
from tune.planning.resources import Place, Resources

SWITCHES = (SWITCH, "FERNN_TRITON")
"""Environment variables that trials read, and that a cluster's workers get from the driver."""
ROOT = Path(__file__).parents[2]
"""The folder of this project's packages."""
TUNE_ENVIRONMENT = {
    "RAY_AIR_NEW_OUTPUT": "0",  # Tune's new output prints a banner even at verbosity 0
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # no CSV, JSON and TensorBoard files
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",  # a cell may end without another epoch to report
}


Failures = dict[Cell, str]
"""The cells that ended without a result, and the reasons."""


class SearchCallback:
    """Methods that the driver calls while the cells of a search are trained; each does nothing by default."""

    def on_epoch(self, cell: Cell, row: Row) -> None:
        """The cell's folder holds one more epoch, whose row is given."""

    def on_status(self, cell: Cell, status: Status) -> None:
        """The cell has another status: "running" when a trial starts, "waiting" when the sampler has added the cell.

        A cell that has "failed" is not tried again; "failed" also stands for "diverged".
        """


@dataclass(frozen=True)
class Workload:
    """What every round of a search shares."""

    study: Study
    corpus: Corpus
    """The prepared data, which trials share through Ray's object store, without copies."""
    resources: Resources
    callbacks: Sequence[SearchCallback] = ()
    controls: Sequence[Control] = ()
    """Asked what may start and go on: all of them have to permit it."""

    def may_need_more_memory(self, cell: Cell, reason: str) -> bool:
        """Whether a cell that failed for that reason may succeed with a larger share, or on another kind of GPU."""
        return reason.startswith(OUT_OF_MEMORY) and self.resources.has_more(self.place(cell))

    def place(self, cell: Cell) -> Place:
        """The model of a cell that failed, and the kind of GPU that its trial was on."""
        return self.study.model_label(cell), self.study.cell_folder(cell).failed_on()

    def kinds(self, cells: Sequence[Cell]) -> set[str]:
        """The kinds of GPU on which the cells may run: one empty name where kinds are not told apart."""
        return {kind for cell in cells for kind in self.resources.of(self.study.model_label(cell))}


class CallbackRelay(tune.Callback):
    """Calls the search's callbacks from those of Ray Tune.

    Tune fails a trial whose callback raises. So ``error`` stores the first exception, training continues, and
    :func:`run_cells` raises it at the end.
    """

    def __init__(self, work: Workload) -> None:
        self.work, self.study = work, work.study
        self.failures: Failures = {}
        self.error: Exception | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Ray saves callbacks for a restore that no search uses, and callbacks hold threads and files."""
        return {}

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._call("on_status", trial, "running")

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        self._call("on_epoch", trial, result)

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._call("on_status", trial, "lost")

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        folder = self.study.cell_folder(self.study.cell_at(trial.config))
        if (reason := folder.failure()) is not None:
            self._fail(trial, reason)
        else:
            self._call("on_status", trial, "resting" if folder.done() is None else "done")

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._fail(trial, str(trial.get_error()).strip().splitlines()[-1].strip())

    def _fail(self, trial: Any, reason: str) -> None:
        """Note the failure here, since Ray's results do not name the cell of a trial that fails before it reports.

        A trial that ran out of a GPU's memory is tried again where a larger share is possible.
        """
        cell = self.study.cell_at(trial.config)
        self.failures[cell] = reason
        self._call("on_status", trial, "lost" if self.work.may_need_more_memory(cell, reason) else "failed")

    def _call(self, method: str, trial: Any, *arguments: Any) -> None:
        try:
            for callback in self.work.callbacks:
                getattr(callback, method)(self.study.cell_at(trial.config), *arguments)
        except Exception as error:
            self.error = self.error or error


def run_cells(work: Workload, cells: list[Cell], until: int | None = None) -> Failures:
    """Run each of the cells once, to its last epoch or to epoch ``until``; the cells that failed.

    Ray must be initialized. Raises the first exception of a callback, after all cells.
    """
    relay, handler = CallbackRelay(work), signal.getsignal(signal.SIGINT)
    ship_models(work.study.cells)
    with tempfile.TemporaryDirectory(prefix="fernn-search-") as scratch, warnings.catch_warnings():
        # Optuna warns of an epoch that is reported twice, as after a lost trial.
        warnings.filterwarnings("ignore", message="The reported value is ignored because this `step")
        tuner, kinds = make_tuner(work, cells, until, relay, scratch), work.kinds(cells)
        try:
            with any_kind() if any(kinds) else nullcontext():
                tuner.fit()
        finally:  # Tune replaces the handler of Ctrl-C and does not restore it
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGINT, handler)
    if relay.error is not None:
        raise relay.error
    return relay.failures


def make_tuner(work: Workload, cells: list[Cell], until: int | None, relay: CallbackRelay, scratch: str) -> tune.Tuner:
    """Ray Tune with exactly these cells, which writes only into ``scratch``."""
    os.environ.update(TUNE_ENVIRONMENT)
    study, resources = work.study, work.resources

    def trial_resources(point: dict[str, Any]) -> tune.PlacementGroupFactory:
        return request(resources.of(study.model_label(study.cell_at(point))))

    trainable = tune.with_parameters(trial, study=study, corpus=work.corpus, until=until)
    search, most = fixed_search(study, cells), resources.max_concurrent
    retries, stopper = tune.FailureConfig(max_failures=2), ControlStopper(study, work.controls, until)
    return tune.Tuner(
        tune.with_resources(trainable, trial_resources),
        tune_config=tune.TuneConfig(
            search_alg=search, num_samples=len(cells), max_concurrent_trials=most, reuse_actors=True
        ),
        run_config=tune.RunConfig(
            name=study.name,
            storage_path=scratch,
            failure_config=retries,
            callbacks=[relay],
            stop=stopper,
            verbose=0,
        ),
    )


def ship_models(cells: Sequence[Cell]) -> None:
    """Send the modules of users' own models to workers by value; modules that they import must be on each node."""
    for module in {type(cell.experiment.model).__module__ for cell in cells if cell.experiment.model.is_own}:
        ray.cloudpickle.register_pickle_by_value(sys.modules[module])


def fixed_search(study: Study, cells: list[Cell]) -> OptunaSearch:
    """An Optuna search over the study's space that proposes exactly ``cells``, in order."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space: dict[str, optuna.distributions.BaseDistribution] = {
        name: optuna.distributions.CategoricalDistribution(tuple(values)) for name, values in study.space.items()
    }
    mode = "max" if study.metric.higher_is_better else "min"
    points = [cell.point(study.space) for cell in cells]
    return OptunaSearch(space, metric=f"best/{study.metric.name}", mode=mode, points_to_evaluate=points)


@contextmanager
def ray_runtime(address: str | None) -> Iterator[None]:
    """Ray, connected to ``address`` or started on this machine, without its log on the console.

    Raises StudyError where ``address`` is no running cluster.
    """
    # Many pending trials, as many as in Tune's own grids, let an autoscaler start all machines at the same time.
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = "auto" if address is None else "200"
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
    stop_on_sigterm()
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # the search's callbacks report lost and failed trials
    try:
        yield
    finally:
        ray.shutdown()


def given_switches() -> dict[str, Any] | None:
    """The environment of a cluster's workers where the driver has switches, else None: theirs."""
    given = {name: os.environ[name] for name in SWITCHES if name in os.environ}
    return {"env_vars": given} if given else None
