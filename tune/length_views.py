"""Length generalization as pictures and numbers on the study's runs in MLflow."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from mlflow.entities import Metric

from tune.pictures import PARTIAL, blank_figure, demo_mark, png
from tune.study import Study
from tune.tracking import Tracker
from tune.velocity_views import attach

if TYPE_CHECKING:
    from tune.length_eval import ModelLength

TINY = 1e-12
"""Where a band ends that would reach below zero: a logarithmic axis has none."""
VIEW = "length"
"""Folder of the artifacts, and what the metrics' names begin with; a metric's step is the predicted frame."""


def ship(tracker: Tracker, study: Study, models: Sequence["ModelLength"]) -> int:
    """Put every cell's, every model's and the study's curves on its run; how many runs changed."""
    changed = 0
    for model in models:
        for one in model.row.chosen:
            curve = model.curves[one.cell.experiment.seed]
            changed += _attach(tracker, study, f"cell/{one.cell.key}", curve["mean"], [model])
        changed += _attach(tracker, study, f"model/{model.row.label}", model.mean, [model])
    return changed + _attach(tracker, study, "study", [], models)


def _attach(tracker: Tracker, study: Study, node: str, mean: Sequence[float], models: Sequence["ModelLength"]) -> bool:
    text = json.dumps([model.document() for model in models], indent=2) + "\n"

    def write(folder: Path) -> None:
        (folder / "length.json").write_text(text, encoding="utf-8")
        (folder / "length.csv").write_text(csv_text(models), encoding="utf-8")
        (folder / "curves.png").write_bytes(png(curves(study, models)))

    metrics = [Metric(f"{VIEW}/mse", value, 0, frame) for frame, value in enumerate(mean, start=1)]
    return attach(tracker, node, text, metrics, write, VIEW)


def csv_text(models: Sequence["ModelLength"]) -> str:
    """A row for each model and frame."""
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(("model", "learning_rate", "frame", "mean", "deviation", "n"))
    for model in models:
        for frame, (mean, deviation) in enumerate(zip(model.mean, model.deviation, strict=True), start=1):
            writer.writerow((model.row.label, model.row.lr, frame, mean, deviation, len(model.curves)))
    return sink.getvalue()


def curves(study: Study, models: Sequence["ModelLength"]) -> Figure:
    """Mean test error of every predicted frame; the band is the sample standard deviation over seeds."""
    figure = blank_figure(7, 4.6)
    axes = figure.add_subplot()
    for model in models:
        frames = range(1, len(model.mean) + 1)
        (line,) = axes.plot(frames, model.mean, label=f"{model.row.label} (n = {len(model.curves)})")
        pairs = [(mean, deviation or 0.0) for mean, deviation in zip(model.mean, model.deviation, strict=True)]
        low, high = [max(TINY, mean - spread) for mean, spread in pairs], [mean + spread for mean, spread in pairs]
        axes.fill_between(frames, low, high, color=line.get_color(), alpha=0.2)
    data = study.cells[0].experiment.data
    axes.axvline(
        data.num_frames - getattr(data, "input_frames", 0), color="gray", linestyle="--", label="trained to here"
    )
    axes.set(xlabel="predicted frame", ylabel="test error (MSE per pixel)", yscale="log")
    axes.set_ylim(bottom=0.5 * min(value for model in models for value in model.mean))
    axes.grid(alpha=0.3)
    axes.legend()
    marks = [demo_mark(data)] * study.demo + [PARTIAL] * bool(study.partial)
    figure.suptitle("\n".join([f"{study.name}; band: sample standard deviation over seeds", *marks]), fontsize=10)
    return figure
