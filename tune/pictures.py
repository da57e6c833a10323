"""Pictures of results, drawn without a display."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from data.kth.annotations import ACTIONS
from fernn.data_config import DataConfig
from fernn.generalization import RANGES, VelocityAccuracy, span
from fernn.metrics import confusion_matrix
from fernn.train.task import FrameErrors, Logits, Predictions

PARTIAL = "partial: videos or clips missing"
CELL_INCHES = 0.62


@dataclass(frozen=True)
class Curve:
    """A model's accuracy on V_0, V_1, V_2: means over seeds, their deviations (None for one seed), how many."""

    means: Sequence[float]
    deviations: Sequence[float | None]
    num_seeds: int


def blank_figure(width: float, height: float) -> Figure:
    """An empty figure of that many inches."""
    figure = Figure(figsize=(width, height), layout="constrained", dpi=120)
    FigureCanvasAgg(figure)
    return figure


def png(figure: Figure) -> bytes:
    """The figure as a PNG file."""
    sink = BytesIO()
    figure.savefig(sink, format="png")
    return sink.getvalue()


def demo_mark(data: DataConfig) -> str:
    """What stands on every picture of a demo's data."""
    return f"demo: {data.demo_note}"


def test_figure(predictions: Predictions, mark: str) -> tuple[str, Figure]:
    """What shows a cell's test predictions best, and what that is called."""
    if isinstance(predictions, FrameErrors):
        return "error-by-step", steps_figure(predictions.errors, mark)
    assert isinstance(predictions, Logits)
    return "confusion", confusion_figure(confusion_matrix(predictions.logits, predictions.labels), mark)


def steps_figure(errors: Tensor, mark: str) -> Figure:
    """Mean error of every predicted frame over the test sequences (n, horizon), with its standard deviation."""
    figure = blank_figure(6, 4)
    axes = figure.add_subplot()
    steps, mean, deviation = range(1, errors.shape[1] + 1), errors.mean(dim=0), errors.std(dim=0, correction=0)
    axes.plot(steps, mean, marker="o", markersize=3)
    axes.fill_between(steps, (mean - deviation).clamp(min=0), mean + deviation, alpha=0.2)
    axes.set(xlabel="predicted frame", ylabel="MSE per pixel", ylim=(0, None))
    axes.set_title(f"Test sequences, band: standard deviation{f' ({mark})' if mark else ''}", fontsize=10)
    axes.grid(alpha=0.3)
    return figure


def confusion_figure(counts: Tensor, mark: str) -> Figure:
    """Label against prediction, clips counted, shaded by the share of each label's clips."""
    figure = blank_figure(6, 5)
    axes = figure.add_subplot()
    shares = counts / counts.sum(dim=1, keepdim=True).clamp(min=1)
    axes.imshow(shares.numpy(), cmap="Blues", vmin=0, vmax=1)
    for row, column in [(r, c) for r in range(len(counts)) for c in range(len(counts))]:
        color = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, str(int(counts[row, column])), ha="center", va="center", color=color)
    axes.set_xticks(range(len(ACTIONS)), ACTIONS, rotation=30, ha="right")
    axes.set_yticks(range(len(ACTIONS)), ACTIONS)
    axes.set(xlabel="prediction", ylabel="label", title="Test clips" + (f" ({mark})" if mark else ""))
    return figure


def velocity_heatmap(found: VelocityAccuracy, training_range: int, title: str) -> Figure:
    """Test accuracy at every velocity, v_y downwards as the picture drifts; the box is what training saw."""
    side = len(found.grid)
    figure = blank_figure(max(side * CELL_INCHES, 3) + 1.9, max(side * CELL_INCHES, 3) + 1.3)
    axes = figure.add_subplot()
    extent = (-side / 2, side / 2, side / 2, -side / 2)
    image = axes.imshow(found.grid, cmap="viridis", vmin=0, vmax=1, extent=extent)
    for vy, row in zip(span(found.radius), found.grid, strict=True):
        for vx, accuracy in zip(span(found.radius), row, strict=True):
            color = "black" if accuracy > 0.6 else "white"
            axes.text(vx, vy, f"{accuracy:.2f}", ha="center", va="center", color=color, fontsize=9)
    draw_training_box(axes, training_range, found.radius)
    axes.set_xticks(span(found.radius))
    axes.set_yticks(span(found.radius))
    axes.set(xlabel="$v_x$ (pixels per frame), positive right", ylabel="$v_y$ (pixels per frame), positive down")
    figure.suptitle(title, fontsize=10)
    figure.colorbar(image, ax=axes, label="test accuracy", shrink=0.9)
    return figure


def draw_training_box(axes: Axes, training_range: int, radius: int) -> None:
    """An outline around V_training_range, as far as the grid shows it."""
    reach = min(training_range, radius) + 0.5
    axes.add_patch(Rectangle((-reach, -reach), 2 * reach, 2 * reach, fill=False, edgecolor="red", linewidth=2.5))


def velocity_curves(panels: Mapping[str, Mapping[str, Curve]], title: str) -> Figure:
    """Test accuracy on V_0, V_1, V_2: a panel a training range, a line a model, bars its standard deviation."""
    figure = blank_figure(5.4 * len(panels) + 1, 4.6)
    for axes, (name, curves) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
        axes.axhline(1 / len(ACTIONS), color="gray", linestyle="--", linewidth=1, label="chance")
        for index, (model, curve) in enumerate(curves.items()):
            draw_curve(axes, model, curve, shift=0.02 * (2 * index - len(curves) + 1))
        axes.set_xticks(RANGES, [f"$V_{k}$" for k in RANGES])
        axes.set(xlabel="velocities of the test clips", ylabel="test accuracy", ylim=(0, 1))
        axes.set_title(name, fontsize=10)
        axes.grid(axis="y", alpha=0.3)
        axes.legend()
    figure.suptitle(title, fontsize=10)
    return figure


def draw_curve(axes: Axes, model: str, curve: Curve, shift: float) -> None:
    """One model's line, moved aside by ``shift`` so that no bar hides another."""
    bars = [deviation or 0.0 for deviation in curve.deviations]
    places = [k + shift for k in RANGES]
    axes.errorbar(places, curve.means, yerr=bars, marker="o", capsize=4, label=f"{model} (n = {curve.num_seeds})")
