"""The quality of a study's predicted frames as pictures, from what the cells' folders keep."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fernn.files.checkpoint import Tensors
from tune.analysis.plotting import blank_figure, marks
from tune.analysis.results import ModelRow
from tune.core.study import Study
from tune.measures.frame_quality import USUAL, maps_of, measured_by, ways

PANELS = {"mse": "MSE per pixel", "psnr": "PSNR, dB", "ssim": "SSIM (data range 1)"}
FURTHER = {"ssim_published": "SSIM (data range 2)", "lpips": "LPIPS"}
OWN = "own_steps"
"""What only a document of a predictor has that was trained without inner steps: how many validation clips chose."""
Values = NDArray[np.float64]


@dataclass(frozen=True)
class ModelQuality:
    """What is measured of one row of the study's table: one document a seed, all made in the same way."""

    row: ModelRow
    way: str
    found: Sequence[dict[str, Any]]
    maps: Tensors
    """Of the first seed."""
    tailored: bool = True
    """Whether inner steps are taken, where there are any."""

    @classmethod
    def of(cls, study: Study, row: ModelRow, way: str) -> Self:
        """What the folders of the row's cells hold."""
        folders = [study.cell_folder(one.cell) for one in row.chosen]
        kept = [(one, content) for one in folders if (content := measured_by(one, way)) is not None]
        same = [(one, content) for one, content in kept if _how(content) == _how(kept[0][1])]
        maps = maps_of(same[0][0], way, same[0][1]["subject"]) if same else {}
        return cls(row, way, [content for _, content in same], maps)

    def of_seed(self, document: dict[str, Any]) -> Self:
        """One seed alone; the heat-maps are the first one's."""
        return replace(self, found=[document], maps=self.maps if document is self.found[0] else {})

    @property
    def chooses(self) -> bool:
        """Whether the steps are those that validation clips chose, for a predictor that was trained without."""
        return OWN in self.found[0]

    @property
    def label(self) -> str:
        return f"{self.row.label}, tailored" if self.chooses and self.tailored else self.row.label

    @property
    def num_clips(self) -> int:
        """Test clips that were looked at, of each seed."""
        return int(self.found[0]["num_clips"])

    @property
    def num_steps(self) -> int:
        """The most inner steps that were taken."""
        return int(self.found[0]["subject"]["inner"]["steps"]) if self.tailored else 0

    def own_steps(self, document: dict[str, Any]) -> int:
        """How many steps a seed's prediction takes: as validation clips chose, or as it was trained, if so many."""
        if not self.tailored:
            return 0
        if self.chooses:
            return int(document[OWN])
        return min(int(self.row.experiment.model.flatten()["inner_steps"]), self.num_steps)

    def titles(self) -> dict[str, str]:
        """The metrics that are measured, with their titles."""
        return {name: title for name, title in {**PANELS, **FURTHER}.items() if name in self.found[0]["frames"]["0"]}

    def by_frame(self, metric: str) -> tuple[Values, Values]:
        """Mean over seeds by predicted frame, and the standard error over test clips, its mean over seeds."""
        return means([document["frames"][str(self.own_steps(document))][metric] for document in self.found])

    def by_steps(self, loss: str) -> tuple[Values, Values]:
        """The same of the inner or outer loss, by number of inner steps."""
        return means([document[loss] for document in self.found])

    def words(self) -> list[str]:
        """Each metric's mean over frames."""
        return [f"{title} {self.by_frame(metric)[0].mean():.4g}" for metric, title in self.titles().items()]

    def drop(self) -> str:
        """How far the losses fall, in words."""
        each = [(name, self.by_steps(name)[0]) for name in ("inner", "outer")]
        return ", ".join(f"{name} {values[0]:.3g} to {values[-1]:.3g}" for name, values in each)

    def steps_words(self) -> str:
        """How far the losses fall over all steps, and how many of these count; empty where none is taken."""
        if not self.num_steps:
            return ""
        text = f"{self.num_steps}: {self.drop()}"
        if not self.chooses:
            return text
        chosen = ", ".join(f"{document[OWN]} at {document['inner_lr']:g}" for document in self.found)
        return f"{text}; validation chose {chosen}"

    def document(self) -> dict[str, Any]:
        """All of it, for a reader that is a program."""
        own = [self.own_steps(document) for document in self.found]
        numbers = {"way": self.way, "learning_rate": self.row.lr, "n": len(self.found), OWN: own}
        return {"label": self.label, **numbers, "cells": list(self.found)}


def measured_ways(study: Study, rows: Sequence[ModelRow]) -> list[str]:
    """All ways in which cells of the rows were measured, the usual one first."""
    folders = [study.cell_folder(one.cell) for row in rows for one in row.chosen]
    found = {way for each in study.folder.each(ways, folders) for way in each}
    return sorted(found, key=lambda way: (way != USUAL, way))


def measured_quality(study: Study, rows: Sequence[ModelRow], way: str) -> list[ModelQuality]:
    """What is measured of each row so far, of a predictor that was trained without inner steps with and without."""
    found: list[ModelQuality] = []
    for row in rows:
        model = ModelQuality.of(study, row, way)
        if model.found and model.chooses:
            found += [replace(model, tailored=tailored) for tailored in (False, True)[: 1 + bool(model.num_steps)]]
        elif model.found:
            found.append(model)
    return found


def _how(content: dict[str, Any]) -> dict[str, Any]:
    """How a document was made, whatever the cell."""
    return {name: value for name, value in content["subject"].items() if name not in ("key", "weights_sha256")}


def means(parts: Sequence[dict[str, Any]]) -> tuple[Values, Values]:
    """The means over seeds of means and of standard errors."""
    mean, error = (np.mean([np.array(part[name], float) for part in parts], axis=0) for name in ("mean", "error"))
    return mean, error


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
    return _titled(figure, study, f"means over seeds; band: standard error over {clips} test clips{_asked(models)}")


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
    return _titled(figure, study, f"{text}{_asked(models)}")


def maps_figure(study: Study, model: ModelQuality) -> Figure:
    """Frames of test clips, and over each the Grad-CAM of the embedding's components."""
    frames, heat = (model.maps[name].numpy() for name in ("frames", "heat"))
    figure = blank_figure(1.6 * (1 + heat.shape[1]) + 0.6, 1.6 * len(frames) + 0.8)
    grid = figure.subplots(len(frames), 1 + heat.shape[1], squeeze=False)
    for line, frame, found in zip(grid, frames, heat, strict=True):
        picture = np.clip(frame.transpose(1, 2, 0), 0, 1).squeeze()
        for place, axes in enumerate(line):
            axes.imshow(picture, cmap="gray", vmin=0, vmax=1)
            if place:
                axes.imshow(found[place - 1], cmap="inferno", alpha=0.6, vmin=0, vmax=1)
            axes.set_axis_off()
    for place, axes in enumerate(grid[0]):
        axes.set_title(f"component {place}" if place else "frame", fontsize=9)
    return _titled(figure, study, model.label)


def _asked(models: Sequence[ModelQuality]) -> str:
    """Which way the models were measured in, where it is not the usual one."""
    return "" if models[0].way == USUAL else f" ({models[0].way})"


def _band(axes: Axes, model: ModelQuality, mean: Values, error: Values, first: int) -> None:
    places = range(first, first + len(mean))
    (line,) = axes.plot(places, mean, label=f"{model.label} (n = {len(model.found)})", marker="o", markersize=2)
    axes.fill_between(places, mean - error, mean + error, color=line.get_color(), alpha=0.2)


def _titled(figure: Figure, study: Study, text: str) -> Figure:
    figure.suptitle("\n".join([f"{study.name}: {text}", *marks(study)]), fontsize=10)
    return figure
