"""How well a cell of a Noether Network predicts, frame by frame and inner step by inner step, kept in its folder.

Beside what tune/store.py names, a finished cell's folder then holds ``quality.json``: by number of inner steps, mean
and standard error over the test clips of each predicted frame's metrics, and the inner and outer loss; and
``quality.safetensors``: heat-maps of the embedding. A report is made of these without a network.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from data.stream import Corpus
from fernn.checkpoint import Tensors, pack, unpack
from fernn.frame_quality import frame_quality
from fernn.heatmaps import grad_cam
from fernn.layers.conserved import ConservedEmbedding
from fernn.models.noether import NoetherNetwork
from fernn.models.tailored import Inner
from fernn.train.conserved import seeded_noise
from fernn.train.evaluate import NUM_EXAMPLES, evaluating, to_unit
from fernn.train.run import Run, available_device
from tune.machine import machine
from tune.store import CellFolder
from tune.study import Cell, Study
from tune.vault import QUALITY, Sealed

FILE, MAPS = "quality.json", "quality.safetensors"


@dataclass(frozen=True)
class QualityMeasurement:
    """One finished cell, to be measured with up to ``inner.steps`` inner steps."""

    cell: Cell
    folder: CellFolder
    inner: Inner

    @classmethod
    def of(cls, study: Study, cell: Cell, inner: Inner | None) -> "QualityMeasurement":
        """The measurement of a cell; without ``inner`` as it was trained. Plain SVG takes no inner step."""
        own = cell.experiment.model.inner()  # type: ignore[attr-defined]
        return cls(cell, study.cell_folder(cell), own if inner is None or own.steps == 0 else inner)

    @property
    def shown(self) -> list[int]:
        """Numbers of inner steps at which frames are looked at."""
        own = self.cell.experiment.model.inner().steps  # type: ignore[attr-defined]
        return sorted({0, min(own, self.inner.steps), self.inner.steps})

    def subject(self) -> dict[str, Any]:
        """What decides the result."""
        inner = {name: getattr(self.inner, name) for name in ("steps", "lr", "clips", "optimizer", "compared")}
        return {"key": self.cell.key, "weights_sha256": self.folder.best_sha256(), "inner": inner}

    def result(self) -> dict[str, Any] | None:
        """What is measured, or None where that is of other weights or other inner steps."""
        content = self.folder.folder.read_json(FILE)
        return content if content is not None and content["subject"] == self.subject() else None

    def measure(self, corpus: Corpus, advance: Callable[[int], None]) -> None:
        """Predict the test clips with the best epoch's weights, and write down all that is shown of them."""
        began, experiment = time.monotonic(), self.cell.experiment
        run = Run.start(experiment, available_device())
        self.folder.load_best(run)
        stream = Sealed(corpus.stream(experiment.data, experiment.batch_size, run.device), self.folder).opened(QUALITY)
        parts: list[dict[str, Tensor]] = []
        maps: Tensors = {}
        for batch in stream.evaluation("test"):
            clips = to_unit(batch.clips, run.device)
            parts.append({name: values.cpu() for name, values in self._of_batch(run, clips, batch.labels).items()})
            maps = maps or heatmaps(run, clips)
            advance(len(batch.ids))
        values = {name: torch.cat([part[name] for part in parts]).double() for name in parts[0]}
        content = {
            "subject": self.subject(),
            "num_clips": len(values["inner"]),
            "frames": {str(k): {m: _summary(values[f"{k}/{m}"]) for m in METRICS} for k in self.shown},
            "inner": _summary(values["inner"]),
            "outer": _summary(values["outer"]),
            "seconds": time.monotonic() - began,
            "machine": machine(run.device),
        }
        self.folder.folder.write(MAPS, pack(maps, self.subject()))
        self.folder.folder.write_json(FILE, content)

    def maps(self) -> Tensors:
        """Frames and heat-maps; empty where those are of other weights."""
        content = self.folder.folder.read(MAPS)
        tensors, facts = ({}, {}) if content is None else unpack(content)
        return tensors if facts == self.subject() else {}

    @torch.no_grad()
    def _of_batch(self, run: Run, clips: Tensor, seeds: Tensor) -> dict[str, Tensor]:
        """Losses (b, steps + 1) by number of inner steps, and metrics (b, horizon) at some of them."""
        network, num_given = run.model, run.task.inputs(clips)[0].shape[1]
        assert isinstance(network, NoetherNetwork)
        found: dict[str, Tensor] = {}
        inner, outer = [], []
        with evaluating(network):
            steps = network.descend(self.inner, clips, seeded_noise(network, clips, seeds), num_given)
            for count, step in enumerate(islice(steps, self.inner.steps + 1)):
                errors = (step.found.frames - clips)[:, num_given:].square().mean(dim=(2, 3, 4))
                inner.append(step.losses * self.inner.clips)
                outer.append(errors.sum(dim=1))
                if count in self.shown:
                    quality = frame_quality(step.found.frames[:, num_given:], clips[:, num_given:])
                    found |= {f"{count}/{name}": values for name, values in quality.items()}
        return found | {"inner": torch.stack(inner, dim=1), "outer": torch.stack(outer, dim=1)}


METRICS = ("mse", "psnr", "ssim", "ssim_published")


def heatmaps(run: Run, clips: Tensor) -> Tensors:
    """The first clips' frames (n, c, s, s) at the end of their middle windows, and where these are looked at."""
    network = run.model
    assert isinstance(network, NoetherNetwork)
    embedding = network.embedding
    assert isinstance(embedding, ConservedEmbedding)
    windows = embedding.windows(clips)
    heat, middle = grad_cam(embedding, windows.flatten(0, 1)).unflatten(0, windows.shape[:2]), windows.shape[1] // 2
    frames = clips[:NUM_EXAMPLES, middle + embedding.num_frames - 1]
    return {"frames": frames.cpu(), "heat": heat[:NUM_EXAMPLES, middle].float().cpu()}


def _summary(values: Tensor) -> dict[str, list[float]]:
    """Mean and standard error over clips (n, k) for each of k."""
    deviation = values.std(dim=0) if len(values) > 1 else torch.zeros_like(values[0])
    return {"mean": values.mean(dim=0).tolist(), "error": (deviation / math.sqrt(len(values))).tolist()}
