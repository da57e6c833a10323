"""Figures of velocity generalization: heat-maps over (vy, vx), curves over an angle and over V_0, V_1, ..."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from data.kth.annotations import ACTIONS
from fernn.generalization import VelocityGrid, VelocityReadings
from fernn.train.metric import ACCURACY, Metric
from tune.analysis.plotting import ON_DARK, ON_LIGHT, blank_figure

CELL_INCHES = 0.62
AXIS_TITLES = {
    "vx": "$v_x$ (pixels per frame), positive right",
    "vy": "$v_y$ (pixels per frame), positive down",
    "angle": "degrees per frame, positive counter-clockwise",
}


@dataclass(frozen=True)
class Curve:
    """A model's test metric along a figure: means over seeds, their deviations (None for one seed), how many."""

    means: Sequence[float]
    deviations: Sequence[float | None]
    num_seeds: int


def grid_figure(readings: VelocityReadings, metric: Metric, training_range: int, title: str) -> Figure:
    """One model over its grid: a heat-map, or where the grid is one row, a curve."""
    if len(readings.grid.axes) == 2:
        return velocity_heatmap(readings, metric, training_range, title)
    figure = blank_figure(6.4, 4.4)
    axes = figure.add_subplot()
    (row,) = readings.rows
    axes.plot(readings.grid.axis, row, marker="o")
    reach = training_range * readings.grid.step
    axes.axvspan(-reach, reach, color="red", alpha=0.12)
    axes.set(xlabel=AXIS_TITLES[readings.grid.axes[0]])
    dress(axes, metric)
    figure.suptitle(title, fontsize=10)
    return figure


def velocity_heatmap(readings: VelocityReadings, metric: Metric, training_range: int, title: str) -> Figure:
    """The test metric at every velocity, v_y downwards as the clip drifts; the box is what training saw."""
    side, axis = len(readings.grid.axis), readings.grid.axis
    figure = blank_figure(max(side * CELL_INCHES, 3) + 1.9, max(side * CELL_INCHES, 3) + 1.3)
    axes = figure.add_subplot()
    extent = (-side / 2, side / 2, side / 2, -side / 2)
    colors, scale = ("viridis", Normalize(0, 1)) if metric == ACCURACY else ("viridis_r", log_scale(readings))
    image = axes.imshow(readings.rows, cmap=colors, norm=scale, extent=extent)
    for vy, row in zip(axis, readings.rows, strict=True):
        for vx, value in zip(axis, row, strict=True):
            bright = (scale(value) > 0.6) == metric.higher_is_better
            text = f"{value:.2f}" if metric == ACCURACY else f"{value:.1e}".replace("e-0", "e-")
            axes.text(vx, vy, text, ha="center", va="center", color=ON_LIGHT if bright else ON_DARK, fontsize=9)
    draw_training_box(axes, training_range, readings.grid.radius)
    axes.set_xticks(axis)
    axes.set_yticks(axis)
    axes.set(xlabel=AXIS_TITLES["vx"], ylabel=AXIS_TITLES["vy"])
    figure.suptitle(title, fontsize=10)
    figure.colorbar(image, ax=axes, label=f"test {metric.title}", shrink=0.9)
    return figure


def log_scale(readings: VelocityReadings) -> LogNorm:
    """From the smallest to the largest reading of the grid, at least a factor of ten."""
    values = [value for row in readings.rows for value in row]
    return LogNorm(min(values), max(max(values), 10 * min(values)))


def draw_training_box(axes: Axes, training_range: int, radius: int) -> None:
    """An outline around V_training_range, as far as the grid shows it."""
    reach = min(training_range, radius) + 0.5
    axes.add_patch(Rectangle((-reach, -reach), 2 * reach, 2 * reach, fill=False, edgecolor="red", linewidth=2.5))


def velocity_curves(
    panels: Mapping[str, Mapping[str, Curve]], grid: VelocityGrid, metric: Metric, title: str
) -> Figure:
    """A study's models along V_0, V_1, ..., or along the angles of a grid of one row.

    A panel a training range, a line a model, bars its standard deviation.
    """
    figure = blank_figure(5.4 * len(panels) + 1, 4.6)
    for axes, (name, curves) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
        if metric == ACCURACY:
            axes.axhline(1 / len(ACTIONS), color="gray", linestyle="--", linewidth=1, label="chance")
        places = lay_axis(axes, grid)
        for index, (model, curve) in enumerate(curves.items()):
            aside = 0.02 * (2 * index - len(curves) + 1) * (places[1] - places[0] if len(places) > 1 else 1)
            draw_curve(axes, model, curve, [place + aside for place in places])
        dress(axes, metric)
        axes.set_title(name, fontsize=10)
        axes.legend()
    figure.suptitle(title, fontsize=10)
    return figure


def lay_axis(axes: Axes, grid: VelocityGrid) -> list[float]:
    """Ticks and title of what the curves run along; where their points stand."""
    if len(grid.axes) == 1:
        axes.set(xlabel=AXIS_TITLES[grid.axes[0]])
        return grid.axis
    axes.set_xticks(grid.ranges, [f"$V_{{{k}}}$" for k in grid.ranges])
    axes.set(xlabel="velocities of the test clips")
    return [float(k) for k in grid.ranges]


def draw_curve(axes: Axes, model: str, curve: Curve, places: Sequence[float]) -> None:
    """One model's line, its points moved aside so that no bar hides another."""
    bars = [deviation or 0.0 for deviation in curve.deviations]
    axes.errorbar(places, curve.means, yerr=bars, marker="o", capsize=4, label=f"{model} (n = {curve.num_seeds})")


def dress(axes: Axes, metric: Metric) -> None:
    """The axis of the metric: from 0 to 1, or logarithmic for an error."""
    axes.set(ylabel=f"test {metric.title}")
    axes.set_ylim(0, 1) if metric == ACCURACY else axes.set_yscale("log")
    axes.grid(axis="y", alpha=0.3)
