"""The command that every search is: plan, bring the data, run what is missing, show the table."""

import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
import tyro
from rich.console import Console
from rich.table import Table

from data.errors import DataError
from data.manifest import Manifest
from data.registry import DATASETS
from data.stream import ClipStream, Footage, read_footage
from fernn.config import unknown_name
from fernn.experiment import DataConfig
from tune import report
from tune.estimate import concurrency_of, describe_cost
from tune.options import Options, Preset, Search, chosen_settings, chosen_space, gpu_share
from tune.preflight import check_storage, check_storage_name, check_tracking, chosen_resources, tracking_uri
from tune.progress import Progress, label
from tune.search import Failure, Listener, Resources, driver_lock, ray_runtime, run_cells
from tune.store import Folder
from tune.study import Study, StudyError, claim, load_study, plan_cells

USER_ERRORS = (StudyError, DataError, KeyError, TypeError, ValueError, OSError)
"""What a wrong option or file raises before anything runs."""


def main(search: Search) -> int:
    """Run the search as the command line says; 0, 1 where a cell failed, 2 for a command that cannot run."""
    options = tyro.cli(Options, description=search.description)
    console = Console(stderr=True)
    try:
        planned = plan(search, options)
        if options.plan:
            show_plan(planned, options, console)
            return 0
    except USER_ERRORS as error:
        return refuse(error, console)
    try:
        outcome = execute(search, planned, options, console)
    except (StudyError, DataError) as error:
        return refuse(error, console)
    show_results(load_study(outcome.study.folder), options)
    return show_what_is_left(outcome, console)


def refuse(error: Exception, console: Console) -> int:
    """Say in one line why the command cannot run."""
    reason = error.args[0] if isinstance(error, KeyError) else error
    console.print(f"error: {reason}", markup=False, highlight=False, soft_wrap=True)
    return 2


@dataclass(frozen=True)
class Planned:
    """A study and where its data is; without a manifest the data is not prepared yet."""

    study: Study
    home: Path
    manifest: Manifest | None

    def footage(self) -> Footage:
        """The clips of the data."""
        assert self.manifest is not None
        return read_footage(self.home, self.manifest)


@dataclass(frozen=True)
class Outcome:
    """What became of a study's command."""

    study: Study
    failures: list[Failure]
    behind: Exception | None = None
    """What kept MLflow from being brought up to date."""


def plan(search: Search, options: Options) -> Planned:
    """The study that the options describe, on data that is ready; else on data that is still to be brought."""
    check_storage_name(options.storage)
    preset, sketch = search.presets[options.preset], make_study(search, options, "")
    data = sketch.cells[0].experiment.data
    if data.name not in DATASETS:
        raise StudyError(unknown_name(data.name, list(DATASETS), kind="data set"))
    if preset.demo and options.videos is not None:
        raise StudyError("--videos goes with --preset paper: the demo renders its own")
    home = DATASETS[data.name].folder_of(data_folder(data, preset, options), data.size)
    manifest = Manifest.read(home) if home.exists() else None
    if manifest is None:
        return Planned(sketch, home, None)
    manifest.verify(home)
    study = make_study(search, options, manifest.hash)
    absent = (*manifest.missing, *(entry.name for entry in manifest.skipped))
    return Planned(replace(study, demo=manifest.demo, partial=absent, data=str(home)), home, manifest)


def make_study(search: Search, options: Options, data_hash: str) -> Study:
    """The study's name, folder, space and cells."""
    preset = search.presets[options.preset]
    space = chosen_space(preset, options)
    cells = plan_cells(search.base, space, data_hash, preset.defaults, chosen_settings(options))
    name = options.study or f"{search.base.data.name}-{options.preset}"
    if "/" in name or name in ("", ".", ".."):
        raise StudyError(f"--study must be a plain name without '/', got {name!r}")
    return Study(name, Folder(options.storage) / name, space, cells, preset.demo)


def data_folder(data: DataConfig, preset: Preset, options: Options) -> Path:
    """Where data of every size is kept."""
    return options.data or Path("datasets") / (f"{data.name}-demo" if preset.demo else data.name)


def bring(search: Search, planned: Planned, options: Options) -> Planned:
    """The plan on data that was rendered, read from disk or downloaded."""
    preset, data = search.presets[options.preset], planned.study.cells[0].experiment.data
    folder, dataset = data_folder(data, preset, options), DATASETS[data.name]
    if preset.demo:
        dataset.prepare_demo(folder, data.size)
    elif options.videos is None and not options.download:
        raise StudyError(f"{planned.home} has no data: drop --no-download, or give --videos DIR or --preset demo")
    else:
        dataset.prepare(folder, videos=options.videos, size=data.size)
    return plan(search, replace(options, videos=None))


def show_plan(planned: Planned, options: Options, console: Console) -> None:
    """What the study holds, what is done, what will run and what that costs."""
    study, missing = planned.study, planned.study.missing()
    grid = " × ".join(f"{len(values)} {name.removeprefix('optim.')}" for name, values in study.space.items())
    done = len(study.cells) - len(missing)
    lines = [f"study {study.name}: {len(study.cells)} cells ({grid}), {done} done, {len(missing)} to run"]
    lines.append(f"data: {describe_data(planned)}")
    if missing and planned.manifest is not None:
        lines.append(f"cost: {describe_cost(missing, planned.manifest, options.cpus_per_trial, at_once(options))}")
    lines += [f"  {label(cell)}" for cell in missing]
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


def at_once(options: Options) -> int:
    """How many trials will run at once."""
    gpus = torch.cuda.device_count()
    return concurrency_of(options.cpus_per_trial, gpu_share(options, gpus), options.max_concurrent, gpus)


def describe_data(planned: Planned) -> str:
    """Where the clips are, how many, and what is wrong with them."""
    study, manifest = planned.study, planned.manifest
    if manifest is None:
        return f"not prepared yet, goes to {planned.home}"
    demo = ", DEMO: rendered, not KTH" if study.demo else ""
    absent = f", PARTIAL: {report.absent(study.partial)}" if study.partial else ""
    return f"{planned.home}, {manifest.num_clips} clips{demo}{absent}"


def execute(search: Search, planned: Planned, options: Options, console: Console) -> Outcome:
    """Run the missing cells under the study's lock, with MLflow following."""
    check_storage(planned.study.folder)
    check_tracking(tracking_uri(options))
    with driver_lock(Path(planned.study.folder.root)):
        is_ready = planned.manifest is not None and options.videos is None
        if is_ready and not planned.study.missing():
            show_plan(planned, options, console)
            return track(planned.study, options, lambda listener: [])
        with ray_runtime(options.address):
            resources = chosen_resources(options)
            ready = planned if is_ready else bring(search, planned, options)
            show_plan(ready, options, console)
            footage = ready.footage()
            check_clips(ready.study, footage)
            return track(ready.study, options, partial(train, ready.study, footage, resources, console))


def check_clips(study: Study, footage: Footage) -> None:
    """Raises DataError where a cell of the study would find no clips in one of its splits."""
    for data in {cell.experiment.data for cell in study.cells}:
        ClipStream(footage, data, batch_size=1)


def train(study: Study, footage: Footage, resources: Resources, console: Console, listener: Listener) -> list[Failure]:
    """Run what is missing, with progress shown; the cells that failed."""
    cells = study.missing()
    if not cells:
        return []
    with Progress(study, cells, console) as progress:
        return run_cells(study, cells, footage, resources, [listener, progress])


def track(study: Study, options: Options, work: Callable[[Listener], list[Failure]]) -> Outcome:
    """Do ``work`` on the study with MLflow brought up to date before, while and after."""
    from tune.tracking import OUTAGES, Tracker, TrackingListener  # MLflow takes seconds to import: not for a refusal

    claim(study)
    tracker = Tracker(study, tracking_uri(options))
    tracker.sync()
    failures = work(TrackingListener(tracker))
    try:
        tracker.sync()
        tracker.summarise(report.model_rows(load_study(study.folder)))
        tracker.close(complete=not study.missing())
    except OUTAGES as error:
        return Outcome(study, failures, error)
    return Outcome(study, failures)


def show_results(study: Study, options: Options) -> None:
    """The table, and how to look further."""
    out = Console()
    table = Table(title=study.name, title_justify="left")
    for column in report.COLUMNS:
        table.add_column(column)
    for row in report.model_rows(study):
        table.add_row(*report.row_cells(row))
    out.print(table)
    ui = f"{Path(sys.executable).parent}/mlflow ui --backend-store-uri {shlex.quote(tracking_uri(options))}"
    out.print(
        "\n".join([*report.notes(study), f"Compare the runs: {ui}"]),
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def show_what_is_left(outcome: Outcome, console: Console) -> int:
    """Which cells have no result, why, and the way out; 1 where there are any."""
    lines = [f"{label(failed.cell)} failed: {failed.reason}" for failed in outcome.failures]
    if outcome.behind is not None:
        lines.append(f"MLflow is behind, run the same command again to bring it up to date: {outcome.behind}")
    if left := len(outcome.study.missing()):
        lines.append(f"{left} of {len(outcome.study.cells)} cells have no result: run the same command again to go on")
    if lines:
        console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
    return 1 if left or outcome.behind is not None else 0
