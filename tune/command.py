"""The command that every search is: plan, bring the data, run what is missing, show the table."""

import sys
from dataclasses import dataclass
from pathlib import Path

import ray
import tyro
from rich.console import Console
from rich.table import Table

from data.errors import DataError
from data.manifest import Manifest
from data.registry import DATASETS
from data.stream import Footage, read_footage
from fernn.experiment import DataConfig
from tune import report
from tune.options import Options, Search, chosen_settings, chosen_space
from tune.progress import Progress, label
from tune.search import Failure, Resources, driver_lock, ray_runtime, run_cells
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
        show_plan(planned, console)
        if options.plan:
            return 0
    except USER_ERRORS as error:
        return refuse(error, console)
    try:
        failures = execute(planned, options, console)
    except (StudyError, DataError) as error:
        return refuse(error, console)
    show_results(load_study(planned.study.folder), options, failures, console)
    return 1 if failures else 0


def refuse(error: Exception, console: Console) -> int:
    """Say in one line why the command cannot run."""
    console.print(f"error: {error.args[0] if isinstance(error, KeyError) else error}", style=None, markup=False,
                  highlight=False, soft_wrap=True)  # fmt: skip
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


def plan(search: Search, options: Options) -> Planned:
    """The study that the options describe, its data prepared unless only the plan is wanted."""
    preset, base = search.presets[options.preset], search.base
    space, settings = chosen_space(preset, options), chosen_settings(options)
    data = plan_cells(base, space, "", preset.defaults, settings)[0].experiment.data  # wrong names and values end here
    name = options.study or f"{data.name}-{options.preset}"
    if "/" in name or name in ("", ".", ".."):
        raise StudyError(f"--study must be a plain name without '/', got {name!r}")
    folder = options.data or Path("datasets") / (f"{data.name}-demo" if preset.demo else data.name)
    home = DATASETS[data.name].folder_of(folder, data.size)
    if options.plan:
        manifest = Manifest.read(home) if home.exists() else None
    else:
        manifest = bring(folder, home, data, preset.demo, options)
    cells = plan_cells(base, space, manifest.hash if manifest else "", preset.defaults, settings)
    partial = (*manifest.missing, *(entry.name for entry in manifest.skipped)) if manifest else ()
    is_demo = manifest.demo if manifest else preset.demo
    study = Study(name, Folder(options.storage) / name, space, cells, is_demo, partial, str(home))
    return Planned(study, home, manifest)


def bring(folder: Path, home: Path, data: DataConfig, demo: bool, options: Options) -> Manifest:
    """The data's manifest, after the data was prepared in ``folder`` or found there, whole."""
    dataset = DATASETS[data.name]
    if home.exists() and options.videos is None:
        manifest = Manifest.read(home)
        manifest.verify(home)
        return manifest
    if demo:
        return dataset.prepare_demo(folder, data.size)
    return dataset.prepare(folder, videos=options.videos, size=data.size)


def show_plan(planned: Planned, console: Console) -> None:
    """What the study holds, what is done and what will run."""
    study, missing = planned.study, planned.study.missing()
    grid = " × ".join(f"{len(values)} {name.removeprefix('optim.')}" for name, values in study.space.items())
    done = len(study.cells) - len(missing)
    lines = [f"study {study.name}: {len(study.cells)} cells ({grid}), {done} done, {len(missing)} to run"]
    lines.append(f"data: {describe_data(planned)}")
    lines += [f"  {label(cell)}" for cell in missing]
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


def describe_data(planned: Planned) -> str:
    """Where the clips are, how many, and what is wrong with them."""
    study, manifest = planned.study, planned.manifest
    if manifest is None:
        return f"not prepared yet, goes to {planned.home}"
    demo = ", DEMO: rendered, not KTH" if study.demo else ""
    partial = f", PARTIAL: {report.absent(study.partial)}" if study.partial else ""
    return f"{planned.home}, {manifest.num_clips} clips{demo}{partial}"


def execute(planned: Planned, options: Options, console: Console) -> list[Failure]:
    """Run the missing cells under the study's lock, with MLflow following; the cells that failed."""
    from tune.tracking import Tracker, TrackingListener  # MLflow takes seconds to import: not for a plan

    study, failures = planned.study, []
    with driver_lock(Path(study.folder.root)):
        claim(study)
        tracker = Tracker(study, tracking_uri(options))
        tracker.sync()
        if cells := study.missing():
            listener, progress = TrackingListener(tracker), Progress(study, cells, console)
            with ray_runtime(options.address):
                resources = chosen_resources(options)
                footage = planned.footage()
                with progress:
                    failures = run_cells(study, cells, footage, resources, [listener, progress])
            tracker.sync()
        tracker.summarise(report.model_rows(load_study(study.folder)))
        tracker.close(complete=not study.missing())
    return failures


def chosen_resources(options: Options) -> Resources:
    """What a trial holds; raises StudyError where the cluster cannot give it."""
    have = ray.cluster_resources()
    gpus = options.gpus_per_trial if options.gpus_per_trial is not None else (0.25 if have.get("GPU") else 0)
    for name, wanted in (("CPU", options.cpus_per_trial), ("GPU", gpus)):
        if wanted > have.get(name, 0):
            raise StudyError(
                f"--{name.lower()}s-per-trial must be at most the cluster's {have.get(name, 0):g}, got {wanted:g}"
            )
    return Resources(options.cpus_per_trial, gpus, options.max_concurrent)


def tracking_uri(options: Options) -> str:
    """The MLflow server or database."""
    return options.tracking_uri or f"sqlite:///{Path(options.storage).resolve()}/mlflow.db"


def show_results(study: Study, options: Options, failures: list[Failure], console: Console) -> None:
    """The table, how to look further, and what failed."""
    out = Console()
    table = Table(title=study.name, title_justify="left")
    for column in report.COLUMNS:
        table.add_column(column)
    for row in report.model_rows(study):
        table.add_row(*report.row_cells(row))
    out.print(table)
    ui = f"{Path(sys.executable).parent}/mlflow ui --backend-store-uri {tracking_uri(options)}"
    out.print(
        "\n".join([*report.notes(study), f"Compare the runs: {ui}"]),
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    if failures:
        lines = [f"{label(failed.cell)} failed: {failed.reason}" for failed in failures]
        lines.append("Run the same command again to retry what failed.")
        console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
