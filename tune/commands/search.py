"""The command that every search is: plan, bring the data, run what is missing, show the table."""

import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from functools import partial

from rich.console import Console
from rich.prompt import Confirm

from data.errors import DataError
from data.progress import say
from data.stream import Corpus
from data.terminal import console
from tune.commands.search_output import EventOutput, Outcome, SearchOutput, TextOutput, describe_cost
from tune.core.code_record import record
from tune.core.data_source import record_data
from tune.core.driver import driver_lock, stop_on_sigterm
from tune.core.given_weights import store_weights
from tune.core.protocol import load_study, save_study
from tune.core.sealing import DamagedError
from tune.core.search_spec import Preset, Search
from tune.core.study import Study, StudyError
from tune.engine.cost import Cost, NoMachineError, cost_of
from tune.engine.pace import Pace
from tune.engine.prometheus import Monitor
from tune.engine.ray_tune import Failure, SearchCallback, Workload, ray_runtime
from tune.engine.rounds import run_rounds
from tune.planning.options import Options, parse
from tune.planning.plan import Planned, plan, prepare_data, replan
from tune.planning.preflight import check_storage, check_views, tracking_uri
from tune.planning.resources import Resources, chosen_resources, hardware
from tune.reporting.reproducibility_card import write_card

USER_ERRORS = (StudyError, DataError, KeyError, TypeError, ValueError, OSError)
"""What a wrong option or file raises before anything runs."""

PATIENCE, STOPPED_PATIENCE = 60.0, 5.0
"""Seconds that a search which has ended, or was stopped, waits for an answer from MLflow."""

Work = Callable[[SearchCallback], tuple[Study, list[Failure]]]
"""What is done on a study while MLflow follows: the study as it ends, and the cells that failed."""


def main(search: Search) -> int:
    """Run the search as the command line says; 0, 1 where a cell has no result yet, 2 for a command that cannot run."""
    options = parse(search.description)
    stop_on_sigterm()
    output: SearchOutput = EventOutput(sys.stdout) if options.json else TextOutput()
    try:
        return run(search, options, output)
    except KeyboardInterrupt:
        return output.interrupted()


def run(search: Search, options: Options, output: SearchOutput) -> int:
    """Plan, then do it; the exit code."""
    try:
        planned = plan(search, options)
        if options.plan:
            show_plan(planned, options, output)
            return 0
    except USER_ERRORS as error:
        return output.refused(error)
    try:
        outcome = execute(search, planned, options, output)
    except (StudyError, DataError, DamagedError, OSError) as error:
        return output.refused(error)
    output.results(load_study(outcome.study.folder), tracking_uri(options.records), outcome.links)
    return output.left(outcome)


def refuse(error: Exception, console: Console) -> int:
    """Say in one line why the command cannot run."""
    return TextOutput(console).refused(error)


def show_plan(planned: Planned, options: Options, output: SearchOutput) -> None:
    """Say what would run, counting the CPUs and GPUs of the cluster where one is named."""
    with ray_runtime(options.cluster.address) if options.cluster.address or is_auto(options) else nullcontext():
        resources = measured_resources(planned, options, output, chosen_resources(options), kept=False)
        output.planned(planned, cost(planned, resources, options))


def is_auto(options: Options) -> bool:
    """Whether what trials hold is to be measured."""
    return options.cluster.gpus_per_trial == "auto"


def measured_resources(
    planned: Planned, options: Options, output: SearchOutput, held: Resources, kept: bool = True
) -> Resources:
    """What trials hold, measured where the user asks for that; ``kept``: in the study's folder."""
    missing = planned.study.missing()
    if not is_auto(options) or not missing:
        return held
    from tune.engine.packing import pack, packed

    packing = pack(planned.study, missing, held, hardware(), kept)
    output.packed(packing)
    return packed(held, packing)


def cost(planned: Planned, resources: Resources, options: Options) -> Cost | None:
    """What the missing cells will take, None where none are missing."""
    missing = planned.study.missing()
    if not missing:
        return None
    say("measuring one training step of each model")
    elsewhere = options.cluster.address is not None
    try:
        found = cost_of(planned.study, missing, planned.num_clips, resources, hardware(), elsewhere)
    except NoMachineError as error:
        say(f"what the search costs is not known: {error}")
        return None
    return replace(found, price_per_gpu_hour=options.cluster.price_per_gpu_hour)


def execute(search: Search, planned: Planned, options: Options, output: SearchOutput) -> Outcome:
    """Run the missing cells under the study's lock, with MLflow following."""
    check_storage(planned.study.folder)
    check_views(options.records)
    with driver_lock(planned.study.folder):
        is_ready = planned.manifest is not None and options.clips.videos is None
        if is_ready and not planned.study.missing():
            output.planned(planned, None)
            record_study_data(planned)
            return with_card(
                run_with_views(planned.study, options, output, lambda listener: (planned.study, [])), output
            )
        with ray_runtime(options.cluster.address):
            resources = chosen_resources(options)
            if search.wants_gpu:
                confirm(planned, search.presets[options.grid.preset], resources, options, output)
            ready = planned if is_ready else prepare_data(search, planned, options)
            resources = measured_resources(ready, options, output, resources)
            expected = cost(ready, resources, options)
            output.planned(ready, expected)
            warn_of_damage(ready.study, output)
            corpus = ready.corpus()
            check_clips(ready.study, corpus)
            if options.training.weights is not None:
                store_weights(ready.study, options.training.weights)
            ready = with_code_record(ready)
            again = partial(replan, search, ready, options)
            work = partial(train, Workload(ready.study, corpus, resources), again, output, expected)
            return with_card(run_with_views(ready.study, options, output, work), output)


def with_code_record(planned: Planned) -> Planned:
    """The plan whose study names the code that trains it; its folder says what that is, and on which data."""
    record_study_data(planned)
    return replace(planned, study=replace(planned.study, code=record(planned.study.folder)))


def record_study_data(planned: Planned) -> None:
    """Let the study's folder say on which data it stands."""
    assert planned.manifest is not None
    data = planned.study.cells[0].experiment.data
    record_data(planned.study.folder, planned.manifest, planned.num_clips(data))


def with_card(outcome: Outcome, output: SearchOutput) -> Outcome:
    """The outcome, when the study's reproducibility card says what came of it."""
    try:
        write_card(load_study(outcome.study.folder), outcome.study.folder)
    except (OSError, DamagedError) as error:
        output.warned(f"the reproducibility card could not be written ({error}): tune/report.py writes it later")
    return outcome


def confirm(planned: Planned, preset: Preset, resources: Resources, options: Options, output: SearchOutput) -> None:
    """Warn before a search that wants GPUs starts without one; on a terminal, ask. Raises StudyError for a no."""
    if preset.demo or planned.study.demo or hardware().gpus or not planned.study.missing():
        return
    output.warned(f"this search wants GPUs, and there is none: {describe_cost(cost(planned, resources, options))}")
    if options.yes or options.json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return
    if not Confirm.ask("Start all the same (--yes does not ask)?", default=False, console=console(stderr=True)):
        raise StudyError("not started: give --address of a cluster with GPUs, --yes, or --preset demo")


def warn_of_damage(study: Study, output: SearchOutput) -> None:
    """Name the damaged files of cells that go on, and from which epoch each does instead."""
    for cell in study.missing():
        folder = study.cell_folder(cell)
        if folder.has_checkpoint() and (found := folder.resumable()).damage:
            files = ", ".join(f"{folder.folder.root}/{name}" for name in found.damage)
            output.warned(f"damaged: {files}; the cell goes on after epoch {len(found.rows)}")


def check_clips(study: Study, corpus: Corpus) -> None:
    """Raises DataError where a cell of the study would find no clips in one of its splits."""
    for data in {cell.experiment.data for cell in study.cells}:
        corpus.stream(data, 1)


def train(
    work: Workload, again: Callable[[], Study], output: SearchOutput, expected: Cost | None, listener: SearchCallback
) -> tuple[Study, list[Failure]]:
    """Run what is missing, with progress shown; the study as it ends, and the cells that failed."""
    study, pace = work.study, expected.pace if expected else Pace()
    with output.progress(study, study.missing(), pace) as progress, Monitor(study) as monitor:
        return run_rounds(replace(work, callbacks=[listener, progress, monitor]), again)


def run_with_views(study: Study, options: Options, output: SearchOutput, work: Work) -> Outcome:
    """Do ``work`` on the study with MLflow brought up to date before, while and after, where it can be."""
    from tune.tracking.views import Views  # MLflow takes seconds to import

    save_study(study)
    views = Views(load_study(study.folder), options.records)
    for line in views.begin():
        output.warned(line)
    try:
        study, failures = work(views.listener)
    except KeyboardInterrupt:  # Ray ends well after a first Ctrl-C; this is a second, or one at another moment
        failures = []
    patience = STOPPED_PATIENCE if study.missing() else PATIENCE
    behind = views.end(load_study(study.folder), patience)
    return Outcome(study, failures, views.links(), behind)
