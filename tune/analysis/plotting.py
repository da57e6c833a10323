"""Figures of results, drawn without a display."""

from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from torch import Tensor

from data.kth.annotations import ACTIONS
from fernn.config import DataConfig
from fernn.metrics.classification import confusion_matrix
from fernn.train.classification import Logits
from fernn.train.fields import FieldScores
from fernn.train.prediction import FrameErrors
from fernn.train.task import Predictions
from fernn.train.video import FrameScores
from tune.core.study import Study

PARTIAL = "partial: videos or clips missing"
ON_DARK, ON_LIGHT = "#fefefe", "#111111"
"""Ink on coloured cells, which stays what it is where a page turns black and white around."""


@dataclass(frozen=True)
class ReportFigure:
    """A figure of a report, the name of its file, its title, and what it shows in words."""

    name: str
    title: str
    words: str
    figure: Figure


def file_name(label: str) -> str:
    """A row's label as a part of a file's name."""
    return label.replace(", ", "-").replace(" ", "-")


def blank_figure(width: float, height: float) -> Figure:
    """An empty figure of that many inches."""
    figure = Figure(figsize=(width, height), layout="constrained", dpi=120)
    FigureCanvasAgg(figure)
    return figure


def draw_band(
    axes: Axes, places: Iterable[float], mean: ArrayLike, spread: ArrayLike | None, floor: float = -np.inf, **line: Any
) -> None:
    """A line through the means (n,) with a band of ``spread`` (n,) on either side, cut at ``floor``; None: no band."""
    places, middle = [*places], np.asarray(mean)
    (drawn,) = axes.plot(places, middle, **line)
    if spread is not None:
        low, high = np.maximum(middle - np.asarray(spread), floor), middle + np.asarray(spread)
        axes.fill_between(places, low, high, color=drawn.get_color(), alpha=0.2)


def spread_over(seeds: ArrayLike) -> np.ndarray | None:
    """The sample standard deviation (n,) over seeds (s, n), None where there is one seed."""
    values = np.asarray(seeds)
    return values.std(axis=0, ddof=1) if len(values) > 1 else None


def png(figure: Figure) -> bytes:
    """The figure as a PNG file."""
    sink = BytesIO()
    figure.savefig(sink, format="png")
    return sink.getvalue()


def svg(figure: Figure) -> bytes:
    """The figure as an SVG file, the same bytes every time."""
    sink = BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "fernn"}):
        figure.savefig(sink, format="svg", metadata={"Date": None})
    return sink.getvalue()


def demo_mark(data: DataConfig) -> str:
    """What stands on every figure of a demo's data."""
    return f"demo: {data.demo_note}"


def marks(study: Study) -> list[str]:
    """What must stand on every figure of data that compares with no published numbers."""
    demo = demo_mark(study.cells[0].experiment.data)
    stand_in = f"stand-in: {study.stand_in}"
    known = ((demo, study.demo), (stand_in, bool(study.stand_in)), (PARTIAL, bool(study.partial)))
    return [text for text, applies in known if applies]


def test_figure(predictions: Predictions, title: str) -> tuple[str, Figure]:
    """What shows a cell's test predictions best, and what that is called."""
    if isinstance(predictions, FrameErrors | FieldScores):
        return "error-by-step", steps_figure(predictions.errors, title)
    if isinstance(predictions, FrameScores):
        return "error-by-step", steps_figure(predictions.mse, title, "MSE summed over pixels")
    assert isinstance(predictions, Logits)
    return "confusion", confusion_figure(confusion_matrix(predictions.logits, predictions.labels), title)


def steps_figure(errors: Tensor, title: str, unit: str = "MSE per pixel") -> Figure:
    """Mean error of every predicted frame over the test sequences (n, horizon), with its standard deviation."""
    figure = blank_figure(6, 4)
    axes = figure.add_subplot()
    steps, mean, deviation = range(1, errors.shape[1] + 1), errors.mean(dim=0), errors.std(dim=0, correction=0)
    draw_band(axes, steps, mean, deviation, floor=0, marker="o", markersize=3)
    axes.set(xlabel="predicted frame", ylabel=unit, ylim=(0, None))
    axes.set_title(f"Test sequences, band: standard deviation\n{title}", fontsize=10)
    axes.grid(alpha=0.3)
    return figure


def confusion_figure(counts: Tensor, title: str) -> Figure:
    """Label against prediction, clips counted, shaded by the share of each label's clips."""
    figure = blank_figure(6, 5)
    axes = figure.add_subplot()
    shares = counts / counts.sum(dim=1, keepdim=True).clamp(min=1)
    axes.imshow(shares.numpy(), cmap="Blues", vmin=0, vmax=1)
    for row, column in [(r, c) for r in range(len(counts)) for c in range(len(counts))]:
        color = ON_DARK if shares[row, column] > 0.5 else ON_LIGHT
        axes.text(column, row, str(int(counts[row, column])), ha="center", va="center", color=color)
    axes.set_xticks(range(len(ACTIONS)), ACTIONS, rotation=30, ha="right")
    axes.set_yticks(range(len(ACTIONS)), ACTIONS)
    axes.set(xlabel="prediction", ylabel="label")
    axes.set_title(f"Test clips\n{title}", fontsize=10)
    return figure
