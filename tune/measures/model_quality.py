"""The measured quality of one model's predicted frames, over its seeds, and figures of it.

The figures are by frame, by number of inner steps, and heat-maps of the embedding.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tune.analysis.plotting import blank_figure, draw_band, finish_axes, titled
from tune.measures.measure import Document, MeasuredRow, Point

HOME, USUAL = "quality", "usual"
"""The folder, and the name of the options that are the default ones."""
PANELS = {"mse": "MSE per pixel", "psnr": "PSNR, dB", "ssim": "SSIM (data range 1)"}
FURTHER = {"psnr_published": "PSNR by channel, dB", "ssim_published": "SSIM (data range 2)", "lpips": "LPIPS"}
OWN = "own_steps"
"""The number of inner steps chosen on validation clips, for a predictor that was trained without inner steps."""
Values = NDArray[np.float64]


@dataclass(frozen=True)
class ModelQuality(MeasuredRow):
    """The measurements of one row of the study's table; the tensors are heat-maps of the first seed's embedding."""

    tailored: bool = True
    """Whether the predictions after inner steps are meant, where there are any."""

    def of_seed(self, place: int) -> Self:
        """One seed alone; the heat-maps are the first one's."""
        tensors = {} if place else self.tensors
        return replace(self, cells=[self.cells[place]], contents=[self.contents[place]], tensors=tensors)

    @property
    def chooses(self) -> bool:
        """Whether validation clips chose the number of steps, for a predictor that was trained without any."""
        return OWN in self.contents[0]

    @property
    def label(self) -> str:
        """The row's label, with a word where the predictions are tailored and the training was without inner steps."""
        return f"{self.row.label}, tailored" if self.chooses and self.tailored else self.row.label

    @property
    def num_clips(self) -> int:
        """The number of test clips of each seed."""
        return int(self.contents[0]["num_clips"])

    @property
    def num_steps(self) -> int:
        """The most inner steps that were taken."""
        return int(self.contents[0]["subject"]["inner"]["steps"]) if self.tailored else 0

    def own_steps(self, content: Document) -> int:
        """The number of steps of a seed's prediction: as chosen on validation clips, or as trained, up to num_steps."""
        if not self.tailored:
            return 0
        if self.chooses:
            return int(content[OWN])
        return min(int(self.row.experiment.model.flatten()["inner_steps"]), self.num_steps)

    def titles(self) -> dict[str, str]:
        """The metrics that are measured for every seed, with their titles."""
        measured = [content["frames"]["0"] for content in self.contents]
        every = {**PANELS, **FURTHER}.items()
        return {name: title for name, title in every if all(name in metrics for metrics in measured)}

    def by_frame(self, metric: str) -> tuple[Values, Values]:
        """Mean over seeds by predicted frame, and the standard error over test clips, its mean over seeds."""
        return means([content["frames"][str(self.own_steps(content))][metric] for content in self.contents])

    def by_steps(self, loss: str) -> tuple[Values, Values]:
        """The same of the inner or outer loss, by number of inner steps."""
        return means([content[loss] for content in self.contents])

    def steps_words(self) -> str:
        """The losses over all steps, and the number of steps that was chosen; empty where none is taken."""
        if not self.num_steps:
            return ""
        losses = [(name, self.by_steps(name)[0]) for name in ("inner", "outer")]
        drops = ", ".join(f"{name} {values[0]:.3g} to {values[-1]:.3g}" for name, values in losses)
        chosen = ", ".join(f"{content[OWN]} at {content['inner_lr']:g}" for content in self.contents if self.chooses)
        return f"{self.num_steps}: {drops}" + (f"; validation chose {chosen}" if chosen else "")

    def document(self) -> Document:
        own = [self.own_steps(content) for content in self.contents]
        head = {"label": self.label, "way": self.way}
        return head | super().document() | {OWN: own, "cells": list(self.contents)}

    def points(self) -> list[Point]:
        """Each metric by predicted frame, and each loss by number of inner steps."""
        prefix = f"{view_of(self.way)}/{'tailored/' if self.chooses and self.tailored else ''}"
        named = {name: (self.by_frame(name)[0], 1) for name in self.titles()}
        named |= {f"{loss}_loss": (self.by_steps(loss)[0], 0) for loss in ("inner", "outer") if self.num_steps}
        return [
            Point(f"{prefix}{name}", float(value), step)
            for name, (values, first) in named.items()
            for step, value in enumerate(values, start=first)
            if np.isfinite(value)
        ]


def view_of(way: str) -> str:
    """The prefix of figures, of MLflow's folder and of its metrics for a set of options."""
    return HOME if way == USUAL else f"{HOME}-{way}"


def means(parts: Sequence[dict[str, Any]]) -> tuple[Values, Values]:
    """The means over seeds of means and of standard errors."""
    mean, error = (np.mean([np.array(part[name], float) for part in parts], axis=0) for name in ("mean", "error"))
    return mean, error


def quality_figure(models: Sequence[ModelQuality]) -> Figure:
    """Each metric by predicted frame; the band is the standard error over test clips."""
    panels = PANELS | {name: FURTHER[name] for name in ("lpips",) if all(name in model.titles() for model in models)}
    figure = blank_figure(3.7 * len(panels), 3.8)
    for axes, (metric, title) in zip(figure.subplots(1, len(panels)), panels.items(), strict=True):
        for model in models:
            draw_band(axes, *model.by_frame(metric), label=model.legend)
        finish_axes(axes, legend=False, xlabel="predicted frame", ylabel=title)
    text = f"means over seeds; band: standard error over {clip_numbers(models)} test clips"
    return _finished(figure, models, text)


def clip_numbers(models: Sequence[ModelQuality]) -> str:
    """The numbers of test clips that the models were measured on."""
    return " or ".join(map(str, sorted({model.num_clips for model in models})))


def steps_figure(models: Sequence[ModelQuality]) -> Figure:
    """Inner and outer loss by number of inner steps, of the models that take any."""
    figure = blank_figure(8.6, 3.8)
    for axes, name in zip(figure.subplots(1, 2), ("inner", "outer"), strict=True):
        for model in (model for model in models if model.num_steps):
            mean, error = model.by_steps(name)
            draw_band(axes, mean, error, places=range(len(mean)), label=model.legend)
        scale = "log" if name == "inner" else "linear"
        finish_axes(axes, legend=False, xlabel="inner steps", ylabel=f"{name} loss", yscale=scale)
    text = "test clips, means over seeds; band: standard error; outer: MSE summed over frames"
    return _finished(figure, models, text)


def _finished(figure: Figure, models: Sequence[ModelQuality], text: str) -> Figure:
    """The figure with one legend, and the options of the measurement where they are not the usual ones."""
    figure.axes[0].legend(fontsize=8)
    way = models[0].way
    return titled(figure, models[0].study, text if way == USUAL else f"{text} ({way})")


def maps_figure(model: ModelQuality) -> Figure:
    """Frames of test clips, and over each the Grad-CAM of the embedding's components."""
    frames, heat = (model.tensors[name].numpy() for name in ("frames", "heat"))
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
    return titled(figure, model.study, model.label)
