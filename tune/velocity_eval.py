"""Velocity generalization of a study's models: test metric at velocities that training never showed.

Takes the learning rate that the study's table reports, and of it every seed, or of every model the one
checkpoint that MLflow's model registry calls "best". Measures accuracy, or the error of frame predictors,
with all test clips moving at one velocity, for every velocity of a grid, and on V_0, V_1, ... (one velocity
a clip), as in Figures 4 and 5 of Keller, "Flow Equivariant Recurrent Neural Networks", NeurIPS 2025. The
grids: (vy, vx) for what drifts, degrees for what turns. The numbers are kept in the cells'
folders, then shown in MLflow: heat-maps, curves, tables and metrics on the runs of the search.

    python tune/velocity_eval.py --study kth-paper
    python tune/velocity_eval.py --study kth-demo --models fernn-v1 --range 2

Stopped and started again it goes on; once all is measured it does nothing but show the table.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rich.table import Table

from data.progress import progress, say
from fernn.config import DATA
from fernn.generalization import VelocityGrid
from tune.analysis.results import ModelRow, model_rows, registered_name
from tune.commands.evaluate import (
    EvaluationOptions,
    Shown,
    answer,
    finished_study,
    opened_data,
    print_table,
    require_data,
)
from tune.core.study import Cell, Study, StudyError
from tune.measures.velocity import Measurement, measure_cell, measured, num_left, unmeasured
from tune.measures.velocity_views import ModelVelocity
from tune.reporting.table import notes
from tune.services.databases import BehindError

if TYPE_CHECKING:
    from tune.tracking.mlflow_tracker import Tracker


@dataclass(frozen=True)
class Options(EvaluationOptions):
    """What to measure."""

    which: Literal["seeds", "best"] = "seeds"
    """Every seed of the chosen learning rate, or the one checkpoint under MLflow's alias "best"."""
    range: int | None = None
    """The grid goes from -range to range on each axis: pixels per frame, or steps of the data's angle; by default
    as in the paper's figures, 4 on KTH, 2 on translating MNIST, 5 (50 degrees) on rotating MNIST."""


def main() -> int:
    """Measure what is missing, show all; the exit code."""
    return answer(Options, __doc__, open_study, evaluate, show)


def open_study(options: Options) -> Study:
    """The study; raises StudyError or KeyError for options that do not fit it."""
    study = finished_study(options)
    data = require_data(study, "velocity generalization", [name for name, data in DATA.items() if data.motion])
    try:
        VelocityGrid.of(data, options.range)
    except ValueError as error:
        raise StudyError(f"--{error}") from error
    return study


def evaluate(study: Study, options: Options, shown: Shown) -> list["ModelVelocity"]:
    """Measure the chosen cells where they are not, and bring MLflow up to date; every model measured so far."""
    from tune.tracking.velocity_tracking import ship

    rows = model_rows(study)
    cells = chosen_cells(study, rows, options, shown.view.open)
    if left := unmeasured(study, cells, options.range):
        measure_all(study, left, options)
    named = [(row.label, measured(study, row, cells, options.range)) for row in rows]
    found = [ModelVelocity(study, label, seeds) for label, seeds in named if seeds]
    changed = shown.ship(lambda tracker: ship(tracker, found))
    if not left and changed == 0:
        say(f"nothing to do: {len(cells)} of {len(cells)} cells are measured, and MLflow shows them")
    return found


def chosen_cells(
    study: Study, rows: Sequence[ModelRow], options: Options, open_tracker: Callable[[], "Tracker"]
) -> list[Cell]:
    """The cells to measure: of the learning rates that the table reports, or those that are registered."""
    asked = options.asked(rows)
    if options.which == "seeds":
        return [one.cell for row in asked for one in row.chosen]
    try:
        tracker = open_tracker()
    except BehindError as error:
        raise StudyError(f"--which best is what MLflow has as best, and {error}: choose --which seeds") from error
    return [best_cell(study, row, tracker) for row in asked]


def best_cell(study: Study, row: ModelRow, tracker: "Tracker") -> Cell:
    """The cell whose checkpoint is registered in MLflow as the row's best."""
    from mlflow.exceptions import MlflowException

    from tune.tracking.model_registry import KEY

    name = registered_name(study, row)
    if row.breaches:
        why = "; ".join(row.breaches)
        raise StudyError(f"the best checkpoint of {row.label} is nobody's 'best' ({why}): choose --which seeds")
    try:
        version = tracker.client.get_model_version_by_alias(name, "best")
    except MlflowException as error:
        way_out = "run the study's search again to register it, or choose --which seeds"
        raise StudyError(f"MLflow has no model {name!r} with the alias 'best': {way_out}") from error
    key = version.tags.get(KEY)
    for cell in study.cells:
        if cell.key == key and study.cell_folder(cell).done() is not None:
            return cell
    raise StudyError(f"MLflow's 'best' of {name!r} is cell {key}, which study {study.name!r} has not finished")


def measure_all(study: Study, left: Sequence[Measurement], options: Options) -> None:
    """Measure cell after cell, with progress; each goes on where it was stopped."""
    total = sum(one.grid.num_readings for one in left)
    done = total - sum(map(num_left, left))
    title = f"{study.name}, {len(left)} cells"
    with (
        opened_data(study, left[0].cell, options.data) as corpus,
        progress(title, total, "velocities", done=done) as advance,
    ):
        for one in left:
            measure_cell(one, corpus, advance)


def show(study: Study, found: Sequence["ModelVelocity"], options: Options) -> None:
    """The metric on V_0, V_1, ... as a table, or all of it as JSON."""
    grid = VelocityGrid.of(study.cells[0].experiment.data, options.range)
    columns = ("model", "learning rate", "n", *(f"V_{k}" for k in grid.ranges))
    title = f"{study.name}: test {study.metric.title} with velocities from V_k"
    table = Table(*columns, title=title, title_justify="left")
    for model in found:
        table.add_row(*model.text())
    print_table(table, notes(study))


if __name__ == "__main__":
    sys.exit(main())
