"""Figures of the quality of predicted frames: by frame, by number of inner steps, and where the embedding looks."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tune.analysis.plotting import blank_figure, draw_band, marks
from tune.core.study import Study
from tune.measures.frame_quality import USUAL
from tune.measures.model_quality import FURTHER, PANELS, ModelQuality, Values


def quality_figure(study: Study, models: Sequence[ModelQuality]) -> Figure:
    """Each metric by predicted frame; the band is the standard error over test clips."""
    panels = PANELS | {name: FURTHER[name] for name in ("lpips",) if all(name in one.titles() for one in models)}
    figure = blank_figure(3.7 * len(panels), 3.8)
    for axes, (metric, title) in zip(figure.subplots(1, len(panels)), panels.items(), strict=True):
        for model in models:
            _band(axes, model, *model.by_frame(metric), first=1)
        axes.set(xlabel="predicted frame", ylabel=title)
        axes.grid(alpha=0.3)
    figure.axes[0].legend(fontsize=8)
    clips = " or ".join(map(str, sorted({model.num_clips for model in models})))
    return _titled(figure, study, f"means over seeds; band: standard error over {clips} test clips{_way_of(models)}")


def steps_figure(study: Study, models: Sequence[ModelQuality]) -> Figure:
    """Inner and outer loss by number of inner steps, of the rows that take any."""
    figure = blank_figure(8.6, 3.8)
    for axes, name in zip(figure.subplots(1, 2), ("inner", "outer"), strict=True):
        for model in [one for one in models if one.num_steps]:
            _band(axes, model, *model.by_steps(name), first=0)
        axes.set(xlabel="inner steps", ylabel=f"{name} loss", yscale="log" if name == "inner" else "linear")
        axes.grid(alpha=0.3)
    figure.axes[0].legend(fontsize=8)
    text = "test clips, means over seeds; band: standard error; outer: MSE summed over frames"
    return _titled(figure, study, f"{text}{_way_of(models)}")


def maps_figure(study: Study, model: ModelQuality) -> Figure:
    """Frames of test clips, and over each the Grad-CAM of the embedding's components."""
    frames, heat = (model.maps[name].numpy() for name in ("frames", "heat"))
    figure = blank_figure(1.6 * (1 + heat.shape[1]) + 0.6, 1.6 * len(frames) + 0.8)
    grid = figure.subplots(len(frames), 1 + heat.shape[1], squeeze=False)
    for line, frame, heats in zip(grid, frames, heat, strict=True):
        shown = np.clip(frame.transpose(1, 2, 0), 0, 1).squeeze()
        for place, axes in enumerate(line):
            axes.imshow(shown, cmap="gray", vmin=0, vmax=1)
            if place:
                axes.imshow(heats[place - 1], cmap="inferno", alpha=0.6, vmin=0, vmax=1)
            axes.set_axis_off()
    for place, axes in enumerate(grid[0]):
        axes.set_title(f"component {place}" if place else "frame", fontsize=9)
    return _titled(figure, study, model.label)


def _way_of(models: Sequence[ModelQuality]) -> str:
    """Which way the models were measured in, where it is not the usual one."""
    return "" if models[0].way == USUAL else f" ({models[0].way})"


def _band(axes: Axes, model: ModelQuality, mean: Values, error: Values, first: int) -> None:
    places = range(first, first + len(mean))
    draw_band(axes, places, mean, error, label=f"{model.label} (n = {len(model.contents)})", marker="o", markersize=2)


def _titled(figure: Figure, study: Study, text: str) -> Figure:
    figure.suptitle("\n".join([f"{study.name}: {text}", *marks(study)]), fontsize=10)
    return figure
