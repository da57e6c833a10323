"""Length generalization of a study's frame predictors: test error far beyond the frames that training asked for.

Takes the learning rate that the study's table reports, and of it every seed; gives as many frames as in training and
predicts --horizon more, on the fixed test sequences. Mean and standard deviation over sequences for every frame are
kept in the cells' folders, then shown in MLflow: curves, tables and metrics on the runs of the search.
Source: Keller, "Flow Equivariant Recurrent Neural Networks", NeurIPS 2025, section 5.1 and Figure 4.

    python tune/length_eval.py --study translating-mnist-paper

Stopped and started again it goes on with the next cell; once all is measured it does nothing but show the table.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import tyro
from rich.console import Console
from rich.table import Table

from data.progress import progress, say
from data.registry import read_corpus
from fernn.train.task import ERROR
from tune.command import USER_ERRORS, refuse
from tune.data_home import find_data
from tune.length import LengthMeasurement
from tune.length_views import ModelLength
from tune.lock import driver_lock
from tune.preflight import check_tracking
from tune.progress import tables
from tune.results import model_rows
from tune.search import ray_runtime
from tune.study import Study, StudyError
from tune.table import notes
from tune.velocity_eval import finished_study, mlflow_refusals, uri_of


@dataclass(frozen=True)
class Options:
    """Which study, and how far beyond the given frames."""

    study: str
    """Name of the study, or its folder."""
    storage: str = "studies"
    """Folder in which studies are kept."""
    tracking_uri: str | None = None
    """MLflow server or database; by default SQLite inside the storage."""
    models: tuple[str, ...] | None = None
    """Models by name; by default every one that has a finished cell."""
    horizon: int = 70
    """So many frames are predicted."""
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
        with driver_lock(study.folder), mlflow_refusals(uri_of(options)):
            found = evaluate(study, options)
    except USER_ERRORS as error:
        return refuse(error, console)
    show(study, found, options)
    return 0


def open_study(options: Options) -> Study:
    """The study; raises StudyError or KeyError for options that do not fit it."""
    study = finished_study(options.study, options.storage, options.models)
    data = study.cells[0].experiment.data
    if data.task == "video":
        raise StudyError(f"length generalization is of digits that drift or turn on, study {study.name!r} has videos")
    if data.task != "prediction":
        raise StudyError(f"length generalization is of frame predictors, study {study.name!r} on {data.name} has none")
    if options.horizon < 1:
        raise StudyError(f"--horizon must be 1 or more, got {options.horizon}")
    check_tracking(uri_of(options), options.storage)
    return study


def evaluate(study: Study, options: Options) -> list[ModelLength]:
    """Measure the chosen cells where they are not, and bring MLflow up to date; every model measured so far."""
    from tune.length_tracking import ship
    from tune.tracking import Tracker

    tracker = Tracker(study, uri_of(options))
    tracker.sync()
    rows = model_rows(study)
    asked = [row for row in rows if options.models is None or row.model in options.models]
    wanted = [LengthMeasurement.of(study, one.cell, options.horizon) for row in asked for one in row.chosen]
    left = [one for one in wanted if one.result() is None]
    if left:
        measure_all(study, left, options)
    found = [model for row in rows if (model := ModelLength.of(study, row, options.horizon)).curves]
    changed = ship(tracker, study, found)
    tracker.close(complete=not study.missing())
    if not left and not changed:
        say(f"nothing to do: {len(wanted)} cells are measured, and MLflow shows them")
    return found


def measure_all(study: Study, left: Sequence[LengthMeasurement], options: Options) -> None:
    """Measure cell after cell, with progress."""
    cell = left[0].cell
    home, manifest = find_data(study, cell.experiment.data, cell.data_hash, options.data)
    total = sum(one.data.num_sequences[2] for one in left)
    with ray_runtime(None):
        corpus = read_corpus(left[0].data, home, manifest)
        with progress(f"{study.name}, {len(left)} cells", total, "sequences") as advance:
            for one in left:
                one.measure(corpus, advance)


def show(study: Study, found: Sequence[ModelLength], options: Options) -> None:
    """The errors at a few frames as a table, or all of it as JSON."""
    if options.json:
        print(json.dumps({"models": [model.document() for model in found], "notes": notes(study)}, indent=2))
        return
    trained = study.cells[0].experiment.data.num_frames - getattr(study.cells[0].experiment.data, "input_frames", 0)
    frames = sorted({frame for frame in (1, trained, 2 * trained, options.horizon) if frame <= options.horizon})
    out = tables()
    table = Table(title=f"{study.name}: test error (MSE) by predicted frame", title_justify="left")
    for column in ("model", "learning rate", "n", *(f"frame {frame}" for frame in frames)):
        table.add_column(column)
    for model in found:
        values = [ERROR.spread(model.mean[frame - 1], model.deviation[frame - 1]) for frame in frames]
        table.add_row(model.row.label, f"{model.row.lr:g}", str(len(model.curves)), *values)
    out.print(table)
    lines = [f"Trained to predict {trained} frames. ± is the sample standard deviation over seeds.", *notes(study)]
    out.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
