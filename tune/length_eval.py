"""Length generalization of a study's frame predictors: test error far beyond the frames that training asked for.

Takes the learning rate that the study's table reports, and of it every seed; gives as many frames as in training and
predicts --horizon more, on the fixed test sequences. Mean and standard deviation over sequences for every frame are
kept in the cells' folders, then shown in MLflow: curves, tables and metrics on the runs of the search.
Source: Keller, "Flow Equivariant Recurrent Neural Networks", NeurIPS 2025, section 5.1 and Figure 4.

    python tune/length_eval.py --study translating-mnist-paper

Stopped and started again it goes on with the next cell; once all is measured it does nothing but show the table.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

from data.progress import progress, say
from fernn.train.metric import ERROR
from tune.analysis.results import model_rows
from tune.commands.evaluate import (
    EvaluationOptions,
    Shown,
    answer,
    data_of,
    finished_study,
    opened_data,
    print_table,
    require_data,
)
from tune.core.study import Study, StudyError
from tune.measures.length import LengthMeasurement
from tune.measures.length_views import ModelLength
from tune.reporting.table import notes


@dataclass(frozen=True)
class Options(EvaluationOptions):
    """Which study, and how far beyond the given frames."""

    horizon: int = 70
    """So many frames are predicted."""


def main() -> int:
    """Measure what is missing, show all; the exit code."""
    return answer(Options, __doc__, open_study, evaluate, show)


def open_study(options: Options) -> Study:
    """The study; raises StudyError or KeyError for options that do not fit it."""
    study = finished_study(options)
    require_data(study, "length generalization", data_of("prediction"))
    if options.horizon < 1:
        raise StudyError(f"--horizon must be 1 or more, got {options.horizon}")
    return study


def evaluate(study: Study, options: Options, shown: Shown) -> list[ModelLength]:
    """Measure the chosen cells where they are not, and bring MLflow up to date; every model measured so far."""
    from tune.tracking.length_tracking import ship

    rows = model_rows(study)
    asked = options.asked(rows)
    wanted = [LengthMeasurement.of(study, one.cell, options.horizon) for row in asked for one in row.chosen]
    left = [one for one in wanted if one.result() is None]
    if left:
        measure_all(study, left, options)
    found = [model for row in rows if (model := ModelLength.of(study, row, options.horizon)).curves]
    changed = shown.ship(lambda tracker: ship(tracker, study, found))
    if not left and changed == 0:
        say(f"nothing to do: {len(wanted)} cells are measured, and MLflow shows them")
    return found


def measure_all(study: Study, left: Sequence[LengthMeasurement], options: Options) -> None:
    """Measure cell after cell, with progress."""
    cell = left[0].cell
    total = sum(one.data.num_sequences[2] for one in left)
    title = f"{study.name}, {len(left)} cells"
    with opened_data(study, cell, options.data, left[0].data) as corpus, progress(title, total, "sequences") as advance:
        for one in left:
            one.measure(corpus, advance)


def show(study: Study, found: Sequence[ModelLength], options: Options) -> None:
    """The errors at a few frames as a table, or all of it as JSON."""
    trained = study.cells[0].experiment.data.num_frames - getattr(study.cells[0].experiment.data, "input_frames", 0)
    frames = sorted({frame for frame in (1, trained, 2 * trained, options.horizon) if frame <= options.horizon})
    table = Table(title=f"{study.name}: test error (MSE) by predicted frame", title_justify="left")
    for column in ("model", "learning rate", "n", *(f"frame {frame}" for frame in frames)):
        table.add_column(column)
    for model in found:
        values = [ERROR.spread(model.mean[frame - 1], model.deviation[frame - 1]) for frame in frames]
        table.add_row(model.row.label, f"{model.row.lr:g}", str(len(model.curves)), *values)
    lines = [f"Trained to predict {trained} frames. ± is the sample standard deviation over seeds.", *notes(study)]
    print_table(table, lines)


if __name__ == "__main__":
    sys.exit(main())
