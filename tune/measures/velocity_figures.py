"""Figures of velocity generalization: heat-maps over (vy, vx), curves over an angle and over V_0, V_1, ..."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from fernn.generalization import VelocityGrid, VelocityReadings
from fernn.train.task import ACCURACY, Metric
from tune.analysis.plotting import ON_DARK, ON_LIGHT, blank_figure, draw_band, finish_axes, one_panel

CELL_INCHES = 0.62
AXIS_TITLES = {
    "vx": "$v_x$ (pixels per frame), positive right",
    "vy": "$v_y$ (pixels per frame), positive down",
    "angle": "degrees per frame, positive counter-clockwise",
}


@dataclass(frozen=True)
class Curve:
    """A model's test metric along a figure: means over seeds, their deviations (None for one seed), number of seeds."""

    means: Sequence[float]
    deviations: Sequence[float | None]
    num_seeds: int


def grid_figure(readings: VelocityReadings, metric: Metric, training_range: int) -> Figure:
    """One model over its grid: a heat-map, or where the grid is one row, a curve."""
    if len(readings.grid.motion.axes) == 2:
        return velocity_heatmap(readings, metric, training_range)
    figure, axes = one_panel()
    (row,) = readings.rows
    axes.plot(readings.grid.axis, row, marker="o")
    reach = training_range * readings.grid.motion.step
    axes.axvspan(-reach, reach, color="red", alpha=0.12)
    axes.set(xlabel=AXIS_TITLES[readings.grid.motion.axes[0]])
    finish_metric_axis(axes, metric)
    return figure


def velocity_heatmap(readings: VelocityReadings, metric: Metric, training_range: int) -> Figure:
    """The test metric at every velocity, v_y downwards as the clip drifts; the box is the range of training."""
    side, axis = len(readings.grid.axis), readings.grid.axis
    figure, axes = one_panel(max(side * CELL_INCHES, 3) + 1.9, max(side * CELL_INCHES, 3) + 1.3)
    extent = (-side / 2, side / 2, side / 2, -side / 2)
    colors, scale = ("viridis", Normalize(0, 1)) if metric == ACCURACY else ("viridis_r", log_scale(readings))
    image = axes.imshow(readings.rows, cmap=colors, norm=scale, extent=extent)
    for vy, row in zip(axis, readings.rows, strict=True):
        for vx, value in zip(axis, row, strict=True):
            bright = (scale(value) > 0.6) == metric.higher_is_better
            text = f"{value:.2f}" if metric == ACCURACY else f"{value:.1e}".replace("e-0", "e-")
            axes.text(vx, vy, text, ha="center", va="center", color=ON_LIGHT if bright else ON_DARK, fontsize=9)
    reach = min(training_range, readings.grid.radius) + 0.5  # as far as the grid shows it
    axes.add_patch(Rectangle((-reach, -reach), 2 * reach, 2 * reach, fill=False, edgecolor="red", linewidth=2.5))
    axes.set(xticks=axis, yticks=axis, xlabel=AXIS_TITLES["vx"], ylabel=AXIS_TITLES["vy"])
    figure.colorbar(image, ax=axes, label=f"test {metric.title}", shrink=0.9)
    return figure


def log_scale(readings: VelocityReadings) -> LogNorm:
    """From the smallest to the largest reading of the grid, at least a factor of ten."""
    values = [value for row in readings.rows for value in row]
    return LogNorm(min(values), max(max(values), 10 * min(values)))


def velocity_curves(
    panels: Mapping[str, Mapping[str, Curve]], grid: VelocityGrid, metric: Metric, chance: float | None
) -> Figure:
    """A study's models along V_0, V_1, ..., or along the angles of a grid of one row.

    One plot for each training range, one line for each model; its band is the standard deviation. ``chance``: the
    accuracy of guessing, None where that is not defined.
    """
    figure = blank_figure(5.4 * len(panels) + 1, 4.6)
    for axes, (name, curves) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
        if chance is not None:
            axes.axhline(chance, color="gray", linestyle="--", linewidth=1, label="chance")
        places = grid_places(axes, grid)
        for model, curve in curves.items():
            floor, label = 0 if metric == ACCURACY else min(curve.means) / 2, f"{model} (n = {curve.num_seeds})"
            draw_band(axes, curve.means, curve.deviations, places=places, floor=floor, label=label)
        finish_metric_axis(axes, metric)
        axes.set_title(name, fontsize=10)
        axes.legend()
    return figure


def grid_places(axes: Axes, grid: VelocityGrid) -> list[float]:
    """Set the ticks and title of the axis along which curves run; the places of their points."""
    if len(grid.motion.axes) == 1:
        axes.set(xlabel=AXIS_TITLES[grid.motion.axes[0]])
        return grid.axis
    axes.set_xticks(grid.ranges, [f"$V_{{{k}}}$" for k in grid.ranges])
    axes.set(xlabel="velocities of the test clips")
    return [float(k) for k in grid.ranges]


def finish_metric_axis(axes: Axes, metric: Metric) -> None:
    """Scale the axis of the metric: from 0 to 1, or logarithmic for an error."""
    finish_axes(axes, legend=False, ylabel=f"test {metric.title}")
    axes.set_ylim(0, 1) if metric == ACCURACY else axes.set_yscale("log")
