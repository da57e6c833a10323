"""How well a study's Noether Networks predict, frame by frame, and what more inner steps would do.

Takes the learning rate that the study's table reports, and of it every seed; predicts the test clips with up to --steps
inner steps, by SGD or Adam. MSE, PSNR and SSIM of every frame, the inner and outer loss after every step, and Grad-CAM
heat-maps of the embedding are kept in the cells' folders, and shown by tune/report.py, which needs no network.
Source: Alet et al., "Noether Networks", NeurIPS 2021.

    python tune/noether_eval.py --study physics101-paper
    python tune/noether_eval.py --study physics101-paper --steps 500 --optimizer adam

Stopped and started again it goes on with the next cell; once all is measured it does nothing but show the table.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import tyro
from rich.console import Console
from rich.table import Table

from data.progress import progress, say
from data.registry import read_corpus
from fernn.models.tailored import Inner
from tune.command import USER_ERRORS, refuse
from tune.data_home import find_data
from tune.lock import driver_lock
from tune.progress import tables
from tune.quality import QualityMeasurement
from tune.quality_views import PANELS, ModelQuality, measured_quality
from tune.results import model_rows
from tune.search import ray_runtime
from tune.study import Cell, Study, StudyError
from tune.table import notes
from tune.velocity_eval import finished_study


@dataclass(frozen=True)
class Options:
    """Which study, and how its clips are tailored."""

    study: str
    """Name of the study, or its folder."""
    storage: str = "studies"
    """Folder in which studies are kept."""
    models: tuple[str, ...] | None = None
    """Models by name; by default every one that has a finished cell."""
    steps: int | None = None
    """So many inner steps at most; by default as trained. A model trained without any takes none."""
    inner_lr: float | None = None
    """Learning rate of inner steps; by default as trained."""
    optimizer: Literal["sgd", "adam"] = "sgd"
    """Of inner steps; trained with sgd."""
    data: str | None = None
    """Folder of the prepared data, or its URL in a bucket; by default where the study found it."""
    json: bool = False
    """Print the numbers as JSON instead of a table."""


def main() -> int:
    """Measure what is missing, show all; 0, or 2 for a command that cannot run."""
    options = tyro.cli(Options, description=__doc__)
    console = Console(stderr=True)
    try:
        study = open_study(options)
        with driver_lock(study.folder):
            found = evaluate(study, options)
    except USER_ERRORS as error:
        return refuse(error, console)
    show(study, found, options)
    return 0


def open_study(options: Options) -> Study:
    """The study; raises StudyError or KeyError for options that do not fit it."""
    study = finished_study(options.study, options.storage, options.models)
    data = study.cells[0].experiment.data
    if data.task != "stochastic":
        raise StudyError(f"quality by inner steps is of Noether Networks, study {study.name!r} on {data.name} has none")
    if options.steps is not None and options.steps < 1:
        raise StudyError(f"--steps must be 1 or more, got {options.steps}")
    if options.inner_lr is not None and not options.inner_lr > 0:
        raise StudyError(f"--inner-lr must be above 0, got {options.inner_lr:g}")
    return study


def inner_of(cell: Cell, options: Options) -> Inner:
    """How the cell's clips are tailored: as in training, but for what is asked for."""
    own: Inner = cell.experiment.model.inner()  # type: ignore[attr-defined]
    steps = own.steps if options.steps is None else options.steps
    lr = own.lr if options.inner_lr is None else options.inner_lr
    return replace(own, steps=steps if own.steps else 0, lr=lr, optimizer=options.optimizer)


def evaluate(study: Study, options: Options) -> list[ModelQuality]:
    """Measure the chosen cells where they are not; every model measured so far."""
    rows = model_rows(study)
    asked = [row for row in rows if options.models is None or row.model in options.models]
    cells = [one.cell for row in asked for one in row.chosen]
    wanted = [QualityMeasurement.of(study, cell, inner_of(cell, options)) for cell in cells]
    if left := [one for one in wanted if one.result() is None]:
        measure_all(study, left, options)
    else:
        say(f"nothing to do: {len(wanted)} cells are measured")
    return measured_quality(study, rows)


def measure_all(study: Study, left: Sequence[QualityMeasurement], options: Options) -> None:
    """Measure cell after cell, with progress."""
    first = left[0].cell
    home, manifest = find_data(study, first.experiment.data, first.data_hash, options.data)
    with ray_runtime(None):
        corpus = read_corpus(left[0].cell.experiment.data, home, manifest)
        total = sum(corpus.stream(one.cell.experiment.data, 1).num_clips("test") for one in left)
        with progress(f"{study.name}, {len(left)} cells", total, "clips") as advance:
            for one in left:
                one.measure(corpus, advance)


def show(study: Study, found: Sequence[ModelQuality], options: Options) -> None:
    """Means over frames as a table, or all of it as JSON."""
    if options.json:
        print(json.dumps({"models": [model.document() for model in found], "notes": notes(study)}, indent=2))
        return
    out = tables()
    table = Table(title=f"{study.name}: test clips, means over predicted frames", title_justify="left")
    for column in ("model", "learning rate", "n", *PANELS.values(), "SSIM (data range 2)", "losses by inner steps"):
        table.add_column(column)
    for model in found:
        means = [model.by_frame(metric)[0].mean() for metric in (*PANELS, "ssim_published")]
        drop = f"{model.num_steps}: {model.drop()}" if model.num_steps else ""
        table.add_row(model.label, f"{model.row.lr:g}", str(len(model.found)), *(f"{mean:.4g}" for mean in means), drop)
    out.print(table)
    lines = ["SSIM with data range 2 and a uniform window is how the published numbers were made.", *notes(study)]
    out.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
