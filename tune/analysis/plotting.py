"""Figures of results, drawn without a display; frames are shown after Figures 2 and 4 of Keller, 2025."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import matplotlib
import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike
from torch import Tensor

from fernn.config import DataConfig
from fernn.files.checkpoint import Tensors
from fernn.train.fields import FieldScores
from fernn.train.prediction import FrameErrors
from fernn.train.task import Logits, Predictions
from fernn.train.video import FrameScores
from tune.core.study import Study

PARTIAL = "partial: videos or clips missing"
ON_DARK, ON_LIGHT = "#fefefe", "#111111"
"""Ink on coloured cells. A dark page does not change it: only pure black and white follow the page's colours."""

NUM_CLIPS, NUM_GIVEN, NUM_PREDICTED = 2, 3, 8
"""Of frames shown: clips, given frames and predicted frames at most."""
FRAME_INCHES, GAP = 0.62, 2
"""Width of a frame, and pixels between two."""


@dataclass(frozen=True)
class ReportFigure:
    """A figure of a report: its file's name, its title, and what it shows in words."""

    name: str
    title: str
    words: str
    figure: Figure


def file_name(label: str) -> str:
    """A row's label as a part of a file's name."""
    return label.replace(", ", "-").replace(" ", "-")


class ShownFigure(Figure):
    """A figure that a notebook shows by itself, without pyplot."""

    def _repr_png_(self) -> bytes:
        return png(self)


def blank_figure(width: float, height: float) -> Figure:
    """An empty figure of that many inches."""
    return ShownFigure(figsize=(width, height), layout="constrained", dpi=120)


def one_panel(width: float = 6.4, height: float = 4.4) -> tuple[Figure, Axes]:
    """A figure with one plot."""
    figure = blank_figure(width, height)
    return figure, figure.add_subplot()


def titled(figure: Figure, study: Study, text: str) -> Figure:
    """The figure with the study's name, the text, and the study's marks above it."""
    figure.suptitle("\n".join([f"{study.name}: {text}", *marks(study)]), fontsize=10)
    return figure


def finish_axes(axes: Axes, legend: bool = True, **settings: Any) -> None:
    """Set titles, limits and scales; draw a grid, and a legend of the labelled lines."""
    axes.set(**settings)
    axes.grid(alpha=0.3)
    if legend:
        axes.legend()


Spread = ArrayLike | Sequence[float | None] | None


def draw_band(
    axes: Axes, mean: ArrayLike, spread: Spread, *, places: Iterable[float] | None = None,
    floor: float = -np.inf, **line: Any,
) -> Line2D:  # fmt: skip
    """A line through the means (n,) and a band of ``spread`` (n,) on either side, cut at ``floor``.

    A spread of None has no band. The points are at 1, 2, ..., n where ``places`` are not given.
    """
    middle = np.asarray(mean)
    at = range(1, len(middle) + 1) if places is None else [*places]
    (drawn,) = axes.plot(at, middle, **{"marker": "o", "markersize": 3, **line})
    if spread is not None:
        width = np.asarray(spread, float)
        axes.fill_between(at, np.maximum(middle - width, floor), middle + width, color=drawn.get_color(), alpha=0.2)
    return drawn


def draw_seeds(axes: Axes, seeds: ArrayLike, **options: Any) -> None:
    """The mean over seeds (s, n), and where there are two or more a band of their sample standard deviation."""
    values = np.asarray(seeds)
    draw_band(axes, values.mean(axis=0), values.std(axis=0, ddof=1) if len(values) > 1 else None, **options)


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


def marks(study: Study) -> list[str]:
    """The marks of every figure of a study whose numbers do not compare with published ones."""
    demo, stand_in = study.cells[0].experiment.data.demo_note, study.stand_in
    applied = ((f"demo: {demo}", study.demo), (f"stand-in: {stand_in}", stand_in), (PARTIAL, study.partial))
    return [text for text, applies in applied if applies]


def test_figure(predictions: Predictions, data: DataConfig, title: str) -> tuple[str, Figure]:
    """The figure of a cell's test predictions, and its name."""
    if isinstance(predictions, FrameErrors | FieldScores):
        return "error-by-step", steps_figure(predictions.errors, title)
    if isinstance(predictions, FrameScores):
        return "error-by-step", steps_figure(predictions.values["mse"], title, "MSE summed over pixels")
    assert isinstance(predictions, Logits)
    counts = predictions.confusion()
    return "confusion", confusion_figure(counts, class_names(data, len(counts)), f"Test clips\n{title}")


def steps_figure(errors: Tensor, title: str, unit: str = "MSE per pixel") -> Figure:
    """Mean error of every predicted frame over the test sequences (n, horizon), with its standard deviation."""
    figure, axes = one_panel(6, 4)
    draw_band(axes, errors.mean(dim=0), errors.std(dim=0, correction=0), floor=0)
    finish_axes(axes, legend=False, xlabel="predicted frame", ylabel=unit, ylim=(0, None))
    axes.set_title(f"Test sequences, band: standard deviation\n{title}", fontsize=10)
    return figure


def class_names(data: DataConfig, num_outputs: int) -> list[str]:
    """A name for each output of a classifier; an output beyond the data's classes has its number."""
    return [*data.classes, *map(str, range(len(data.classes), num_outputs))]


def confusion_figure(counts: Tensor, names: Sequence[str], title: str) -> Figure:
    """Clips counted by label and prediction (n, n), shaded by their share of the label's clips."""
    figure, axes = one_panel(6, 5)
    shares = label_shares(counts)
    axes.imshow(shares.numpy(), cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(*counts.shape):
        color = ON_DARK if shares[row, column] > 0.5 else ON_LIGHT
        axes.text(column, row, str(int(counts[row, column])), ha="center", va="center", color=color)
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="prediction", ylabel="label")
    axes.set_title(title, fontsize=10)
    return figure


def label_shares(counts: Tensor) -> Tensor:
    """Counts (n, n) by label and prediction as shares of each label's clips."""
    return counts / counts.sum(dim=1, keepdim=True).clamp(min=1)


def rollout_figure(study: Study, examples: Mapping[str, Tensors]) -> Figure:
    """A row of true frames and a row for each model, of the first test clips; all models saw the same clips."""
    first = next(iter(examples.values()))
    clips = first["clips"][:NUM_CLIPS]
    num_given = clips.shape[1] - first["predicted"].shape[1]
    shown = frames_shown(num_given, clips.shape[1])
    strips = []
    for index, clip in enumerate(clips):
        strips.append(("truth", clip[shown]))
        for label, example in examples.items():
            blank = clip.new_full((num_given, *clip.shape[1:]), 255)
            strips.append((label, torch.cat([blank, example["predicted"][index]])[shown]))
    return strips_figure(study, strips, shown, num_given)


def frames_shown(num_given: int, num_frames: int) -> list[int]:
    """The last given frames, then at most NUM_PREDICTED of the others at equal distances, the last one included."""
    ahead = np.linspace(num_given, num_frames - 1, min(NUM_PREDICTED, num_frames - num_given)).round().astype(int)
    return [*range(max(0, num_given - NUM_GIVEN), num_given), *ahead.tolist()]


def strips_figure(study: Study, strips: list[tuple[str, Tensor]], shown: list[int], num_given: int) -> Figure:
    """One line of frames for each strip, numbered below from the first predicted one."""
    figure = blank_figure(len(shown) * FRAME_INCHES + 1.6, len(strips) * FRAME_INCHES + 0.9)
    for axes, (label, frames) in zip(figure.subplots(len(strips), squeeze=False)[:, 0], strips, strict=True):
        spaced = F.pad(frames[:, 0], (0, GAP), value=255)
        axes.imshow(torch.cat([*spaced], dim=1)[:, :-GAP], cmap="gray", vmin=0, vmax=255)
        axes.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=9)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    names = ["given" if frame < num_given else f"{frame - num_given + 1}" for frame in shown]
    size = frames.shape[-1]
    axes.set_xticks([place * (size + GAP) + size / 2 for place in range(len(shown))], names, fontsize=8)
    return titled(figure, study, "test sequences")
