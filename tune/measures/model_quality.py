"""The measured quality of one model's predicted frames, over its seeds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from fernn.files.checkpoint import Tensors
from tune.core.study import Study
from tune.measures.frame_quality import HOME, USUAL, file_of
from tune.measures.measure import Document, Point, ShownRow

PANELS = {"mse": "MSE per pixel", "psnr": "PSNR, dB", "ssim": "SSIM (data range 1)"}
FURTHER = {"ssim_published": "SSIM (data range 2)", "lpips": "LPIPS"}
OWN = "own_steps"
"""The number of inner steps chosen on validation clips, for a predictor that was trained without inner steps."""
Values = NDArray[np.float64]


@dataclass(frozen=True)
class ModelQuality:
    """The measurements of one row of the study's table: one file for each seed, all with the same options."""

    shown: ShownRow
    way: str
    contents: Sequence[Document]
    """The content of each seed's file."""
    maps: Tensors
    """Of the first seed."""
    tailored: bool = True
    """Whether the predictions after inner steps are meant, where there are any."""

    @classmethod
    def of(cls, study: Study, shown: ShownRow, way: str) -> "list[ModelQuality]":
        """The measurements in the folders of the row's cells, empty where there are none.

        A predictor that was trained without inner steps has two: as trained, and tailored where steps are taken.
        """
        files = [file_of(study.cell_folder(cell), way) for cell in shown.cells]
        kept = [(file, content) for file in files if (content := file.read()) is not None]
        same = [(file, content) for file, content in kept if _how(content) == _how(kept[0][1])]
        if not same:
            return []
        maps = same[0][0].tensors_of(same[0][1]["subject"])
        model = cls(shown, way, [content for _, content in same], maps)
        if not model.chooses:
            return [model]
        return [replace(model, tailored=tailored) for tailored in (False, True)[: 1 + bool(model.num_steps)]]

    def of_seed(self, content: Document) -> Self:
        """One seed alone; the heat-maps are the first one's."""
        return replace(self, contents=[content], maps=self.maps if content is self.contents[0] else {})

    @property
    def chooses(self) -> bool:
        """Whether validation clips chose the number of steps, for a predictor that was trained without any."""
        return OWN in self.contents[0]

    @property
    def label(self) -> str:
        return f"{self.shown.label}, tailored" if self.chooses and self.tailored else self.shown.label

    @property
    def legend(self) -> str:
        """The label in a figure's legend."""
        return f"{self.label} (n = {len(self.contents)})"

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
        return min(int(self.shown.row.experiment.model.flatten()["inner_steps"]), self.num_steps)

    def titles(self) -> dict[str, str]:
        """The metrics that are measured, with their titles."""
        return {name: title for name, title in {**PANELS, **FURTHER}.items() if name in self.contents[0]["frames"]["0"]}

    def by_frame(self, metric: str) -> tuple[Values, Values]:
        """Mean over seeds by predicted frame, and the standard error over test clips, its mean over seeds."""
        return means([one["frames"][str(self.own_steps(one))][metric] for one in self.contents])

    def by_steps(self, loss: str) -> tuple[Values, Values]:
        """The same of the inner or outer loss, by number of inner steps."""
        return means([one[loss] for one in self.contents])

    def words(self) -> list[str]:
        """Each metric's mean over frames."""
        return [f"{title} {self.by_frame(metric)[0].mean():.4g}" for metric, title in self.titles().items()]

    def drop(self) -> str:
        """The first and last value of each loss, in words."""
        each = [(name, self.by_steps(name)[0]) for name in ("inner", "outer")]
        return ", ".join(f"{name} {values[0]:.3g} to {values[-1]:.3g}" for name, values in each)

    def steps_words(self) -> str:
        """The losses over all steps, and the number of steps that was chosen; empty where none is taken."""
        if not self.num_steps:
            return ""
        text = f"{self.num_steps}: {self.drop()}"
        if not self.chooses:
            return text
        chosen = ", ".join(f"{one[OWN]} at {one['inner_lr']:g}" for one in self.contents)
        return f"{text}; validation chose {chosen}"

    def document(self) -> Document:
        """All results as JSON."""
        own = [self.own_steps(one) for one in self.contents]
        numbers = {"way": self.way, "learning_rate": self.shown.lr, "n": len(self.contents), OWN: own}
        return {"label": self.label, **numbers, "cells": list(self.contents)}

    def points(self) -> list[Point]:
        """Each metric by predicted frame, and each loss by number of inner steps."""
        kind = f"{view_of(self.way)}/{'tailored/' if self.chooses and self.tailored else ''}"
        named = {name: (self.by_frame(name)[0], 1) for name in self.titles()}
        named |= {f"{loss}_loss": (self.by_steps(loss)[0], 0) for loss in ("inner", "outer") if self.num_steps}
        return [
            Point(f"{kind}{name}", float(value), step)
            for name, (values, first) in named.items()
            for step, value in enumerate(values, start=first)
            if np.isfinite(value)
        ]


def view_of(way: str) -> str:
    """The prefix of figures, of MLflow's folder and of its metrics for a set of options."""
    return HOME if way == USUAL else f"{HOME}-{way}"


def _how(content: dict[str, Any]) -> dict[str, Any]:
    """The settings of a document, without the cell."""
    return {name: value for name, value in content["subject"].items() if name not in ("key", "weights_sha256")}


def means(parts: Sequence[dict[str, Any]]) -> tuple[Values, Values]:
    """The means over seeds of means and of standard errors."""
    mean, error = (np.mean([np.array(part[name], float) for part in parts], axis=0) for name in ("mean", "error"))
    return mean, error
