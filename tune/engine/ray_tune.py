"""The search: Ray Tune runs the missing cells of a study, Optuna proposes them, each exactly once."""

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
from typing import Any, Protocol

import optuna
import ray
from ray import tune
from ray.tune.execution.placement_groups import resource_dict_to_pg_factory
from ray.tune.search.optuna import OptunaSearch

from data.stream import Corpus
from fernn.models.own import NAMED
from fernn.train.loop import Row
from tune.core.driver import stop_on_sigterm
from tune.core.identity import has_studies
from tune.core.study import Cell, Study, StudyError
from tune.engine.trial import OUT_OF_MEMORY, trial
from tune.planning.resources import Resources
from tune.services.host import home_problem

ROOT = Path(__file__).parents[2]
"""Where this project's packages are."""
MOST_PENDING = "200"
"""Trials of a cluster that may wait for a machine at once; Tune allows its own grids as many."""


@dataclass(frozen=True)
class Failure:
    """A cell that ended without a result, and why."""

    cell: Cell
    reason: str

    @property
    def is_cramped(self) -> bool:
        """Whether a larger share of a GPU may help."""
        return self.reason.startswith(OUT_OF_MEMORY)


class SearchCallback(Protocol):
    """Hears, in the driver, how the cells of a search get on."""

    def on_trial_start(self, cell: Cell) -> None:
        """A trial works on the cell."""

    def on_epoch(self, cell: Cell, row: Row) -> None:
        """The cell's folder holds one more epoch."""

    def on_trial_lost(self, cell: Cell) -> None:
        """The trial broke off; another goes on from the cell's last checkpoint."""

    def on_trial_pause(self, cell: Cell) -> None:
        """The trial has come to the epoch until which it was to go; the cell waits for what is decided there."""

    def on_cell_stop(self, cell: Cell) -> None:
        """The cell ends there, before its last epoch."""

    def on_cell_end(self, cell: Cell, failed: bool) -> None:
        """The cell has a result, or has failed for good."""

    def on_cell_added(self, cell: Cell) -> None:
        """The search has grown by the cell."""


@dataclass(frozen=True)
class Workload:
    """What every round of a search has in common."""

    study: Study
    corpus: Corpus
    """The prepared data, which trials share through Ray's object store, without copies."""
    resources: Resources
    listeners: Sequence[SearchCallback] = ()


class CallbackRelay(tune.Callback):
    """Tells listeners of cells what Ray Tune tells of trials.

    An exception that Tune hears from a callback fails the trial. So training goes on, and ``error`` keeps
    the first exception for :func:`run_cells` to raise when all is done.
    """

    def __init__(self, work: Workload) -> None:
        self.study, self.listeners, self.resources = work.study, work.listeners, work.resources
        self.failures: list[Failure] = []
        self.error: Exception | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Ray saves callbacks for a restore that no search ever does; listeners hold what cannot be saved."""
        return {}

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._tell("on_trial_start", trial)

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        self._tell("on_epoch", trial, result)

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._tell("on_trial_lost", trial)

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        folder = self.study.cell_folder(self.study.cell_at(trial.config))
        if (reason := folder.failure()) is not None:
            self._fail(trial, reason)
        elif folder.done() is not None:
            self._tell("on_cell_end", trial, False)
        else:
            self._tell("on_trial_pause", trial)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        said = [line.strip() for line in str(trial.get_error()).splitlines() if line.strip()]
        self._fail(trial, said[-1])

    def _fail(self, trial: Any, reason: str) -> None:
        """A trial may fail before its first report, so Ray's results do not tell which cell it was.

        One that ran out of memory is followed by another where a larger share of a GPU is to be had.
        """
        failure = Failure(self.study.cell_at(trial.config), reason)
        self.failures.append(failure)
        goes_on = failure.is_cramped and self.resources.can_widen(self.study.model_label(failure.cell))
        self._tell("on_trial_lost", trial) if goes_on else self._tell("on_cell_end", trial, True)

    def _tell(self, word: str, trial: Any, *news: Any) -> None:
        try:
            for listener in self.listeners:
                getattr(listener, word)(self.study.cell_at(trial.config), *news)
        except Exception as error:
            self.error = self.error or error


def run_cells(work: Workload, cells: list[Cell], until: int | None = None) -> list[Failure]:
    """Run ``cells`` of the study, once each, to their last epoch or ``until`` an earlier one; the cells that failed.

    Ray must be initialised.
    """
    relay = CallbackRelay(work)
    ship_models(work.study.cells)
    with tempfile.TemporaryDirectory(prefix="fernn-search-") as scratch, warnings.catch_warnings():
        # An epoch that is run again is reported again, and Optuna says that it ignores it.
        warnings.filterwarnings("ignore", message="The reported value is ignored because this `step")
        tuner = make_tuner(work, cells, until, relay, scratch)
        with interrupts_restored():
            tuner.fit()
    if relay.error is not None:
        raise relay.error
    return relay.failures


def make_tuner(work: Workload, cells: list[Cell], until: int | None, relay: CallbackRelay, scratch: str) -> tune.Tuner:
    """Ray Tune with exactly these cells to run, and nothing beside our folders to write."""
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"  # Tune's new output prints a banner even at verbosity 0
    os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"  # no CSV, JSON and TensorBoard beside our folders
    os.environ["TUNE_DISABLE_STRICT_METRIC_CHECKING"] = "1"  # a cell may end without another epoch to report
    study, resources = work.study, work.resources

    def held(point: dict[str, Any]) -> tune.PlacementGroupFactory:
        cpus, gpus = resources.of(study.model_label(study.cell_at(point)))
        return resource_dict_to_pg_factory({"cpu": cpus, "gpu": gpus})

    return tune.Tuner(
        tune.with_resources(tune.with_parameters(trial, study=study, corpus=work.corpus, until=until), held),
        tune_config=tune.TuneConfig(
            search_alg=fixed_search(study, cells),
            num_samples=len(cells),
            max_concurrent_trials=resources.max_concurrent,
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(
            name=study.name,
            storage_path=scratch,
            failure_config=tune.FailureConfig(max_failures=2),
            callbacks=[relay],
            verbose=0,
        ),
    )


@contextmanager
def interrupts_restored() -> Iterator[None]:
    """Tune takes Ctrl-C for itself, and would keep it after its run."""
    here = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        if here:
            signal.signal(signal.SIGINT, handler)


def ship_models(cells: Sequence[Cell]) -> None:
    """Send the modules of users' own models with the trial; what such a module imports, each node must have."""
    for module in {type(cell.experiment.model).__module__ for cell in cells if cell.experiment.model.is_own}:
        ray.cloudpickle.register_pickle_by_value(sys.modules[module])


def fixed_search(study: Study, cells: list[Cell]) -> OptunaSearch:
    """An Optuna search over the study's space that proposes exactly ``cells``, in order."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space: dict[str, optuna.distributions.BaseDistribution] = {
        name: optuna.distributions.CategoricalDistribution(tuple(values)) for name, values in study.space.items()
    }
    points = [study.point(cell) for cell in cells]
    return OptunaSearch(
        space,
        metric=f"best/{study.metric.name}",
        mode="max" if study.metric.higher_is_better else "min",
        points_to_evaluate=points,
    )


@contextmanager
def ray_runtime(address: str | None) -> Iterator[None]:
    """Ray, connected to ``address`` or started on this machine, without its log in ours."""
    # All that is to run is known from the start: an autoscaler is to hear of it at once, not of one trial at a time.
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = "auto" if address is None else MOST_PENDING
    if address is None and "RAY_AUTH_TOKEN_PATH" not in os.environ and home_problem():
        os.environ.setdefault("RAY_AUTH_TOKEN", uuid.uuid4().hex)  # Ray has no place for a token that stays
    try:
        # Workers import from the current folder first: only a user's own model may need that, among no studies.
        with nullcontext() if NAMED and not has_studies(Path.cwd()) else chdir(ROOT):
            ray.init(
                address=address or "local",  # without an address Ray would join any cluster that it finds
                include_dashboard=False if address is None else None,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
    except (ConnectionError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise StudyError(f"--address must be a running Ray cluster, {address} is none: {reason}") from error
    stop_on_sigterm()
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # lost and failed trials are told in our own words
    try:
        yield
    finally:
        ray.shutdown()
