"""Figures of the quality of predicted frames: by frame, by number of inner steps, and heat-maps of the embedding."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from tune.analysis.plotting import blank_figure, draw_band, finish_axes, titled
from tune.core.study import Study
from tune.measures.frame_quality import USUAL
from tune.measures.model_quality import FURTHER, PANELS, ModelQuality


def quality_figure(study: Study, models: Sequence[ModelQuality]) -> Figure:
    """Each metric by predicted frame; the band is the standard error over test clips."""
    panels = PANELS | {name: FURTHER[name] for name in ("lpips",) if all(name in one.titles() for one in models)}
    figure = blank_figure(3.7 * len(panels), 3.8)
    for axes, (metric, title) in zip(figure.subplots(1, len(panels)), panels.items(), strict=True):
        for model in models:
            draw_band(axes, *model.by_frame(metric), label=model.legend)
        finish_axes(axes, legend=False, xlabel="predicted frame", ylabel=title)
    figure.axes[0].legend(fontsize=8)
    text = f"means over seeds; band: standard error over {clip_numbers(models)} test clips{_way_of(models)}"
    return titled(figure, study, text)


def clip_numbers(models: Sequence[ModelQuality]) -> str:
    """The numbers of test clips that the models were measured on."""
    return " or ".join(map(str, sorted({model.num_clips for model in models})))


def steps_figure(study: Study, models: Sequence[ModelQuality]) -> Figure:
    """Inner and outer loss by number of inner steps, of the models that take any."""
    figure = blank_figure(8.6, 3.8)
    for axes, name in zip(figure.subplots(1, 2), ("inner", "outer"), strict=True):
        for model in [one for one in models if one.num_steps]:
            mean, error = model.by_steps(name)
            draw_band(axes, mean, error, places=range(len(mean)), label=model.legend)
        scale = "log" if name == "inner" else "linear"
        finish_axes(axes, legend=False, xlabel="inner steps", ylabel=f"{name} loss", yscale=scale)
    figure.axes[0].legend(fontsize=8)
    text = "test clips, means over seeds; band: standard error; outer: MSE summed over frames"
    return titled(figure, study, f"{text}{_way_of(models)}")


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
    return titled(figure, study, model.label)


def _way_of(models: Sequence[ModelQuality]) -> str:
    """The options of the measurement, where they are not the usual ones."""
    return "" if models[0].way == USUAL else f" ({models[0].way})"
