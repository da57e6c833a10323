"""How well a study's predictors predict, frame by frame, and what inner steps do: Noether Networks, and any others.

Takes the learning rate that the study's table reports, and of it every seed; predicts the test clips with up to --steps
inner steps, by SGD or Adam. MSE, PSNR and SSIM of every frame, LPIPS with --lpips, the inner and outer loss after every
step, and Grad-CAM heat-maps of the embedding are kept in the cells' folders, then shown in MLflow, and by
tune/report.py, which needs no network.

A Noether Network takes the steps that it was trained for. FERNN, E3D-LSTM or any other predictor of frames, which was
trained without, learns a quantity from the true training clips (or conserves the frames' brightness), and moves all its
weights for each clip; learning rate and number of steps are chosen on validation clips. See
fernn/models/noether/predictor.py for what that is, and why such a network is not trained through its steps.
Source: Alet et al., "Noether Networks", NeurIPS 2021.

    python tune/noether_eval.py --study physics101-paper
    python tune/noether_eval.py --study physics101-paper --steps 500 --optimizer adam
    python tune/noether_eval.py --study moving-mnist-paper                 FERNN and E3D-LSTM, tailored by 10 steps
    python tune/noether_eval.py --study moving-mnist-paper --steps 0 --lpips alexnet-owt-7be5be79.pth

Stopped and started again it goes on with the next cell; once all is measured it does nothing but show the table.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from rich.table import Table

from data.progress import progress, say
from fernn.metrics.lpips import Perceptual
from fernn.models.noether import InnerSteps, NoetherConfig
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
from tune.core.study import Cell, Study, StudyError
from tune.measures.frame_quality import USUAL, Measurement, QualityMeasurement
from tune.measures.frame_quality_views import ModelQuality, measured_quality
from tune.measures.lpips import perceptual
from tune.measures.predictor_quality import PredictorMeasurement, Quantity, tailoring_of
from tune.reporting.table import notes


@dataclass(frozen=True)
class Options(EvaluationOptions):
    """Which study, and how its clips are tailored."""

    steps: int | None = None
    """So many inner steps at most; by default as trained, and 10 for what was trained without. A Noether Network
    trained with 0 takes none."""
    inner_lr: float | None = None
    """Learning rate of inner steps; by default as trained, or chosen on validation clips."""
    optimizer: Literal["sgd", "adam"] | None = None
    """Of inner steps; by default sgd for Noether Networks, which are trained with it, and adam for others."""
    quantity: Quantity | None = None
    """What predictors other than Noether Networks are to conserve; by default it is learned."""
    clips: int | None = None
    """Of predictors other than Noether Networks: so many validation and test clips, spread evenly; by default 64, and
    all with --steps 0."""
    lpips: Path | None = None
    """Weights of torchvision's alexnet or vgg16, .safetensors or .pth, with which LPIPS is measured; without, it is
    not. They are never downloaded."""

    def way(self, lpips: Perceptual | None) -> str:
        """What the way of measuring is called, in files and in MLflow: the options that are not the usual ones."""
        rate = None if self.inner_lr is None else f"{self.inner_lr:g}"
        asked = {
            "steps": self.steps, "lr": rate, "optimizer": self.optimizer, "quantity": self.quantity,
            "clips": self.clips, "lpips": None if lpips is None else lpips.name,
        }  # fmt: skip
        return "_".join(f"{name}-{value}" for name, value in asked.items() if value is not None) or USUAL


def main() -> int:
    """Measure what is missing, show all; the exit code."""
    return answer(Options, __doc__, open_study, evaluate, show)


def open_study(options: Options) -> Study:
    """The study; raises StudyError or KeyError for options that do not fit it."""
    study = finished_study(options)
    data = require_data(study, "the quality of predicted frames", data_of("stochastic", "prediction", "video"))
    if options.steps is not None and options.steps < (1 if data.task == "stochastic" else 0):
        raise StudyError(f"--steps must be 1 or more (0 where nothing was trained with them), got {options.steps}")
    if options.inner_lr is not None and not options.inner_lr > 0:
        raise StudyError(f"--inner-lr must be above 0, got {options.inner_lr:g}")
    if options.clips is not None and options.clips < 1:
        raise StudyError(f"--clips must be 1 or more, got {options.clips}")
    if data.task == "stochastic" and (options.clips, options.quantity) != (None, None):
        raise StudyError("--clips and --quantity are of predictors that are no Noether Networks: leave them out")
    return study


def measurement(study: Study, cell: Cell, options: Options, lpips: Perceptual | None) -> Measurement:
    """How the cell is measured: as it was trained, but for what is asked for."""
    model, way = cell.experiment.model, options.way(lpips)
    if isinstance(model, NoetherConfig):
        return QualityMeasurement(cell, study.cell_folder(cell), inner_of(model.inner(), options), lpips=lpips, way=way)
    chosen = {"optimizer": options.optimizer, "quantity": options.quantity, "num_clips": options.clips}
    asked = tailoring_of(options.steps, options.inner_lr, **chosen)
    return PredictorMeasurement(cell, study.cell_folder(cell), asked, lpips=lpips, way=way)


def inner_of(own: InnerSteps, options: Options) -> InnerSteps:
    """How a Noether Network's clips are tailored; one that was trained without any step takes none."""
    if own.steps == 0:
        return own
    steps = own.steps if options.steps is None else options.steps
    lr = own.lr if options.inner_lr is None else options.inner_lr
    return replace(own, steps=steps, lr=lr, optimizer=options.optimizer or own.optimizer)


def evaluate(study: Study, options: Options, shown: Shown) -> list[ModelQuality]:
    """Measure the chosen cells where they are not, and bring MLflow up to date; every model measured so far."""
    from tune.tracking.quality_tracking import ship

    lpips = perceptual(options.lpips, study.cells[0].experiment.data.size)
    rows = model_rows(study)
    asked = options.asked(rows)
    wanted = [measurement(study, one.cell, options, lpips) for row in asked for one in row.chosen]
    left = [one for one in wanted if one.result() is None]
    if left:
        measure_all(study, left, options)
    found = measured_quality(study, rows, options.way(lpips))
    changed = shown.ship(lambda tracker: ship(tracker, study, found))
    if not left and changed == 0:
        say(f"nothing to do: {len(wanted)} cells are measured, and MLflow shows them")
    return found


def measure_all(study: Study, left: Sequence[Measurement], options: Options) -> None:
    """Measure cell after cell, with progress."""
    with opened_data(study, left[0].cell, options.data) as corpus:
        total = sum(one.num_predictions(corpus) for one in left)
        with progress(f"{study.name}, {len(left)} cells", total, "predictions") as advance:
            for one in left:
                one.measure(corpus, advance)


def show(study: Study, found: Sequence[ModelQuality], options: Options) -> None:
    """Means over frames as a table, or all of it as JSON."""
    titles = {name: title for model in found for name, title in model.titles().items()}
    table = Table(title=f"{study.name}: test clips, means over predicted frames", title_justify="left")
    for column in ("model", "learning rate", "n", "clips", *titles.values(), "losses by inner steps"):
        table.add_column(column)
    for model in found:
        means = [f"{model.by_frame(name)[0].mean():.4g}" if name in model.titles() else "–" for name in titles]
        counts = (str(len(model.found)), str(model.num_clips))
        table.add_row(model.label, f"{model.row.lr:g}", *counts, *means, model.steps_words())
    lines = ["SSIM with data range 2 and a uniform window is how the published numbers were made.", *notes(study)]
    print_table(table, lines)


if __name__ == "__main__":
    sys.exit(main())
