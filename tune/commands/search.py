"""The command of every search: plan, prepare the data, train the missing cells, show the table."""

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial

from rich.prompt import Confirm

from data.errors import DataError
from data.terminal import PlainConsole, say
from fernn.train.graph import SWITCH, are_asked
from tune.commands.notifier import Notifier
from tune.commands.search_output import Outcome, SearchOutput, describe_cost
from tune.core.clips import record_data
from tune.core.code_record import record
from tune.core.console import one_line
from tune.core.driver import driver_lock, driver_of, stop_on_sigterm
from tune.core.folder import DamagedError
from tune.core.given_weights import store_weights
from tune.core.protocol import load_study, save_study
from tune.core.search_spec import Preset, Search
from tune.core.study import USER_ERRORS, Study, StudyError
from tune.engine.agenda import Agenda
from tune.engine.bill import EpochTimes
from tune.engine.budget import Budget, Shortage, shortages
from tune.engine.cost import Cost, NoMachineError, Pace, cost_of
from tune.engine.hands import Hands
from tune.engine.packing import pack, packed
from tune.engine.process import unchanged_process
from tune.engine.prometheus import Monitor
from tune.engine.ray_tune import ray_runtime, run_search
from tune.engine.workload import Failures, SearchCallback, Workload
from tune.planning.budget import Limit, limits_of, used_up
from tune.planning.ledger import Ledger, Meter, Spent, sessions, total
from tune.planning.notices import webhook_url
from tune.planning.options import Options, parse
from tune.planning.plan import Planned, plan, prepare_data, replan
from tune.planning.preflight import check_storage, check_views, tracking_uri
from tune.planning.resources import Resources, chosen_resources, hardware
from tune.reporting.reproducibility_card import write_card
from tune.services.webhook import Webhook

PATIENCE, STOPPED_PATIENCE = 60.0, 5.0
"""Seconds that a search waits for MLflow's answer at its end, and after it was stopped."""

Work = Callable[[SearchCallback], tuple[Study, Failures]]
"""Trains the missing cells of a study and calls the callback; the study as it ends, and the failures."""


def main(search: Search) -> int:
    """Run the search on the command line; 0, 1 where a cell has no result yet, 2 where it cannot run, 3 where a budget
    ended it before every cell had a result.
    """
    options = parse(search.description)
    stop_on_sigterm()
    output = SearchOutput(sys.stdout if options.json else None)
    try:
        return run(search, options, output)
    except KeyboardInterrupt:
        return output.interrupted()


def run(search: Search, options: Options, output: SearchOutput) -> int:
    """Carry out the search and show a refusal; the exit code."""
    try:
        outcome = carry_out(search, options, output)
    except StudyError as error:
        return output.refused(error)
    return 0 if options.plan else output.left(outcome)


def carry_out(search: Search, options: Options, output: SearchOutput) -> Outcome:
    """Plan, then do it; where only a plan is asked for, the study that would be searched.

    Raises StudyError in one line for what cannot run. The environment and signal handlers are as before afterwards.
    """
    with unchanged_process():
        with refusing(*USER_ERRORS):
            choose_launch(options)
            limits, url = chosen_limits(options), webhook_url(options.notices)
            planned = plan(search, options)
            if (problem := used_up(limits, spent_on(planned.study, options))) and planned.study.missing():
                raise StudyError(problem)
            if options.plan:
                show_plan(planned, options, output)
                return Outcome(planned.study, {}, {})
        output.notifier = Notifier(Webhook(url) if url else None, 60 * options.notices.notify_silence)
        with refusing(DataError, DamagedError, OSError):
            outcome = execute_and_tell(search, planned, options, output)
        output.results(load_study(outcome.study.folder), tracking_uri(options.records), outcome.links)
        return outcome


@contextmanager
def refusing(*errors: type[Exception]) -> Iterator[None]:
    """Raise errors of these types as StudyError, in one line."""
    try:
        yield
    except StudyError:
        raise
    except errors as error:
        raise StudyError(one_line(error)) from error


def choose_launch(options: Options) -> None:
    """Say in the environment, from which trials read it, whether steps are recorded as CUDA graphs.

    Raises ValueError where the environment's own word for it is none.
    """
    if not options.cluster.cuda_graphs:
        os.environ[SWITCH] = "0"
    are_asked()


def chosen_limits(options: Options) -> Sequence[Limit]:
    """The budgets; raises ValueError for a bad one."""
    return limits_of(options.budget, options.cluster.price_per_gpu_hour)


def spent_on(study: Study, options: Options) -> Spent:
    """What the study's searches took so far; raises DamagedError."""
    return total(sessions(study.folder), options.cluster.price_per_gpu_hour)


def over_budget(planned: Planned, options: Options, cost: Cost | None) -> list[Shortage]:
    """The budgets that the missing cells would exceed."""
    return shortages(chosen_limits(options), cost, spent_on(planned.study, options), time.time())


def refuse(error: Exception) -> int:
    """Print in one line on standard error why the command cannot run; 2."""
    return SearchOutput().refused(error)


def show_plan(planned: Planned, options: Options, output: SearchOutput) -> None:
    """Show what would run and its cost, with the CPUs and GPUs of the cluster where ``--address`` names one."""
    address, is_auto = options.cluster.address, options.cluster.gpus_per_trial == "auto"
    with ray_runtime(address) if address or is_auto else nullcontext():
        resources = measured_resources(planned, options, output, chosen_resources(options), keep=False)
        cost = estimated_cost(planned, resources, options)
        output.planned(planned, cost, over_budget(planned, options, cost))


def measured_resources(
    planned: Planned, options: Options, output: SearchOutput, resources: Resources, keep: bool = True
) -> Resources:
    """The resources of trials, measured for "auto"; ``keep``: store the readings in the study's folder."""
    if options.cluster.gpus_per_trial != "auto" or not planned.study.missing():
        return resources
    has_frames = planned.manifest is not None and hardware().gpus  # which trials put there
    packing = pack(planned.study, resources, keep, planned.corpus() if has_frames else None)
    output.packed(packing)
    return packed(resources, packing)


def estimated_cost(planned: Planned, resources: Resources, options: Options) -> Cost | None:
    """The estimated cost of the missing cells; None without missing cells, or where it cannot be measured."""
    if not planned.study.missing():
        return None
    say("measuring one training step of each model")
    try:
        estimate = cost_of(planned, resources, elsewhere=options.cluster.address is not None)
    except NoMachineError as error:
        say(f"what the search costs is not known: {error}")
        return None
    price = options.cluster.price_per_gpu_hour
    return replace(estimate, price=None if price is None else price * estimate.gpu_hours)


def execute_and_tell(search: Search, planned: Planned, options: Options, output: SearchOutput) -> Outcome:
    """As :func:`execute`; where it raises after its start, people elsewhere are told so."""
    try:
        return execute(search, planned, options, output)
    except Exception as error:
        output.notifier.ended([f"broke off: {one_line(error)}"])
        output.close_notices()
        raise


def execute(search: Search, planned: Planned, options: Options, output: SearchOutput) -> Outcome:
    """Train the missing cells while this process holds the study's lock, and keep MLflow and Optuna up to date."""
    check_storage(planned.study.folder)
    check_views(options.records)
    with driver_lock(planned.study.folder):
        is_ready = planned.manifest is not None and options.clips.videos is None
        if is_ready and not planned.study.missing():
            output.planned(planned, None)
            return run_with_views(planned, options, output, lambda _: (planned.study, {}))
        with ray_runtime(options.cluster.address):
            resources = chosen_resources(options)
            if search.wants_gpu:
                confirm(planned, search.presets[options.grid.preset], resources, options, output)
            ready = planned if is_ready else prepare_data(search, planned, options)
            return train_missing(search, ready, options, output, resources)


def train_missing(
    search: Search, planned: Planned, options: Options, output: SearchOutput, resources: Resources
) -> Outcome:
    """Train the missing cells on prepared data, after a last look at the cost and at damaged files."""
    resources = measured_resources(planned, options, output, resources)
    expected = estimated_cost(planned, resources, options)
    over = over_budget(planned, options, expected)
    output.planned(planned, expected, over)
    warn_of_damage(planned.study, output)
    corpus = planned.corpus()
    for data in {cell.experiment.data for cell in planned.study.cells}:
        corpus.stream(data, 1)  # raises DataError where a split has no clips
    if options.training.weights is not None:
        store_weights(planned.study, options.training.weights)
    study = replace(planned.study, code=record(planned.study.folder))
    planned = replace(planned, study=study)
    again = partial(replan, search, planned, options)

    def train(tracking: SearchCallback) -> tuple[Study, Failures]:
        pace = expected.pace if expected else Pace()
        times, missing = EpochTimes(pace.epoch_seconds), study.missing()
        output.started(planned, expected, over)
        began = (driver_of(study.folder) or {}).get("started", time.time())
        with (
            Ledger(study.folder, Meter(options.cluster.price_per_gpu_hour)) as ledger,
            output.progress(study, missing, pace) as progress,
            Monitor(study) as monitor,
            Hands(study, output.ordered, began) as hands,
            output.notifier as notifier,
        ):
            budget = Budget(study, ledger, chosen_limits(options), times, lambda cell: agenda.held(cell))
            callbacks = [tracking, budget, progress, monitor, notifier]
            agenda = Agenda(Workload(study, corpus, resources, callbacks, [budget, hands]), again)
            run_search(agenda)
            output.budget_reached(budget.reached, expected)
            return agenda.study, agenda.failures

    return run_with_views(planned, options, output, train)


def confirm(planned: Planned, preset: Preset, resources: Resources, options: Options, output: SearchOutput) -> None:
    """Warn before a search that wants GPUs starts without one; on a terminal, ask. Raises StudyError for a no."""
    if preset.demo or planned.study.demo or hardware().gpus or not planned.study.missing():
        return
    output.warned(
        f"this search wants GPUs, and there is none: {describe_cost(estimated_cost(planned, resources, options))}"
    )
    if options.yes or options.json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return
    if not Confirm.ask("Start all the same (--yes does not ask)?", default=False, console=PlainConsole(stderr=True)):
        raise StudyError("not started: give --address of a cluster with GPUs, --yes, or --preset demo")


def warn_of_damage(study: Study, output: SearchOutput) -> None:
    """Name the damaged files of cells with checkpoints, and the epoch from which each cell continues."""
    for cell in study.missing():
        folder = study.cell_folder(cell)
        if folder.has_checkpoint() and (resumable := folder.resumable()).damage:
            files = ", ".join(f"{folder.folder.root}/{name}" for name in resumable.damage)
            output.warned(f"damaged: {files}; the cell goes on after epoch {len(resumable.rows)}")


def run_with_views(planned: Planned, options: Options, output: SearchOutput, work: Work) -> Outcome:
    """Do ``work`` on the study, with its views updated before, meanwhile and after; then write its card."""
    from tune.tracking.views import Views  # MLflow takes seconds to import

    assert planned.manifest is not None
    study = planned.study
    record_data(study.folder, planned.manifest, planned.num_clips(study.cells[0].experiment.data))
    save_study(study)
    views = Views(load_study(study.folder), options.records)
    for line in views.begin():
        output.warned(line)
    try:
        study, failures = work(views.listener)
    except KeyboardInterrupt:  # Ray returns normally after the first Ctrl-C; this is a second one, or outside of Ray
        failures = {}
    patience = STOPPED_PATIENCE if study.missing() else PATIENCE
    behind = views.end(load_study(study.folder), patience)
    try:
        write_card(load_study(study.folder), study.folder)
    except (OSError, DamagedError) as error:
        output.warned(f"the reproducibility card could not be written ({error}): tune/report.py writes it later")
    return Outcome(study, failures, views.links(), behind)
