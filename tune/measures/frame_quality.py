"""How well a cell of a Noether Network predicts, frame by frame and inner step by inner step, kept in its folder.

A finished cell's folder then holds for each way of measuring that was asked for
``quality/WAY.json``: by number of inner steps, mean and standard error over the test clips of each predicted frame's
metrics, and the inner and outer loss; and ``quality/WAY.safetensors``: heat-maps of the embedding. A report is made of
these without a network.
"""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from data.stream import Corpus
from fernn.files.checkpoint import Tensors, pack
from fernn.metrics.frame_quality import frame_quality
from fernn.metrics.grad_cam import grad_cam
from fernn.metrics.lpips import Perceptual
from fernn.models.noether import InnerSteps, NoetherNetwork
from fernn.models.noether.quantities import FrameQuantity
from fernn.models.noether.tailoring import Step
from fernn.train.evaluate import NUM_EXAMPLES, autocast, evaluating, to_unit
from fernn.train.noether import seeded_noise
from fernn.train.run import Run, available_device
from tune.core.cell_folder import CellFolder
from tune.core.sealing import read_sealed, read_tensors, write_sealed
from tune.core.study import Cell
from tune.core.test_access import QUALITY, Sealed
from tune.engine.machine import machine

HOME, USUAL = "quality", "usual"
"""The folder, and the way without any option."""
Advance = Callable[[int], None]
Subject = dict[str, Any]
"""What decides a result."""


@dataclass(frozen=True)
class Gauge:
    """What is measured of predictions after 0, 1, ..., ``steps`` inner steps."""

    steps: int
    shown: Sequence[int]
    """Numbers of inner steps at which frames are looked at."""
    lpips: Perceptual | None = None

    def read(self, steps: Iterator[Step], clips: Tensor, num_given: int, advance: Advance) -> dict[str, Tensor]:
        """Losses (b, steps + 1) by number of inner steps, and metrics (b, horizon) where frames are looked at.

        Of each step no more than that is kept, so that many steps need no more memory than few.
        """
        found: dict[str, Tensor] = {}
        inner, outer, true = [], [], clips[:, num_given:]
        for count, step in enumerate(islice(steps, self.steps + 1)):
            frames = step.found.frames[:, num_given:]
            inner.append(step.losses.cpu())
            outer.append((frames - true).square().mean(dim=(2, 3, 4)).sum(dim=1).cpu())
            if count in self.shown:
                quality = frame_quality(frames, true)
                quality |= {} if self.lpips is None else {"lpips": self.lpips.distance(frames, true)}
                found |= {f"{count}/{name}": values.cpu() for name, values in quality.items()}
            advance(len(clips))
        return found | {"inner": torch.stack(inner, dim=1), "outer": torch.stack(outer, dim=1)}

    def document(self, parts: Sequence[dict[str, Tensor]]) -> dict[str, Any]:
        """Means and standard errors over all that was read."""
        values = {name: torch.cat([part[name] for part in parts]).double() for name in parts[0]}
        frames: dict[str, Any] = {str(count): {} for count in self.shown}
        for name in values.keys() - {"inner", "outer"}:
            count, _, metric = name.partition("/")
            frames[count][metric] = _summary(values[name])
        losses = {name: _summary(values[name]) for name in ("inner", "outer")}
        return {"num_clips": len(values["inner"]), "frames": frames, **losses}


@dataclass(frozen=True)
class Measurement(ABC):
    """One finished cell, to be measured in one way, and what was measured of it."""

    cell: Cell
    folder: CellFolder
    lpips: Perceptual | None = field(default=None, kw_only=True)
    way: str = field(default=USUAL, kw_only=True)

    @abstractmethod
    def asked_for(self) -> dict[str, Any]:
        """How inner steps are taken."""

    @abstractmethod
    def num_predictions(self, corpus: Corpus) -> int:
        """How many predictions are to be made."""

    @abstractmethod
    def measure(self, corpus: Corpus, advance: Advance) -> None:
        """Predict clips with the best epoch's weights, and write down all that is shown of them."""

    def subject(self) -> Subject:
        """What decides the result: the weights, those of LPIPS where it is asked for, and how steps are taken."""
        found = {"key": self.cell.key, "weights_sha256": self.folder.best_sha256()}
        found |= {} if self.lpips is None else {"lpips_sha256": self.lpips.sha256}
        return found | {"inner": self.asked_for()}

    def result(self) -> dict[str, Any] | None:
        """What is measured, or None where that is of other weights, or something else was asked for."""
        content = measured_by(self.folder, self.way)
        return content if content is not None and content["subject"] == self.subject() else None

    def best_run(self) -> Run:
        """The cell's best epoch."""
        run = Run.start(self.cell.experiment, available_device())
        self.folder.load_best(run)
        return run

    def write(self, document: dict[str, Any], maps: Tensors, run: Run, began: float) -> None:
        """Keep what is measured, the heat-maps before the numbers that say that all is there."""
        folder, subject = self.folder.folder, self.subject()
        costs = {"seconds": time.monotonic() - began, "machine": machine(run.device)}
        folder.write(f"{HOME}/{self.way}.safetensors", pack(maps, subject))
        write_sealed(folder, f"{HOME}/{self.way}.json", {"subject": subject, **document, **costs})


@dataclass(frozen=True)
class QualityMeasurement(Measurement):
    """Of a Noether Network, with up to ``inner.steps`` inner steps."""

    inner: InnerSteps

    @property
    def shown(self) -> list[int]:
        """Numbers of inner steps at which frames are looked at."""
        own = self.cell.experiment.model.inner().steps  # type: ignore[attr-defined]
        return sorted({0, min(own, self.inner.steps), self.inner.steps})

    def asked_for(self) -> dict[str, Any]:
        return {name: getattr(self.inner, name) for name in ("steps", "lr", "clips", "optimizer", "compared")}

    def num_predictions(self, corpus: Corpus) -> int:
        """Of a clip one for each number of inner steps."""
        return corpus.stream(self.cell.experiment.data, 1).num_clips("test") * (self.inner.steps + 1)

    @torch.no_grad()
    def measure(self, corpus: Corpus, advance: Advance) -> None:
        began = time.monotonic()
        run = self.best_run()
        network, data = run.model, self.cell.experiment.data
        assert isinstance(network, NoetherNetwork)
        stream = corpus.stream(data, self.cell.experiment.batch_size, run.device)
        gauge, parts = Gauge(self.inner.steps, self.shown, self.lpips), []
        maps: Tensors = {}
        with evaluating(network), autocast(run.device, run.experiment.precision):
            for batch in Sealed(stream, self.folder).opened(QUALITY).evaluation("test"):
                clips = to_unit(batch.clips, run.device)
                num_given = run.task.inputs(clips)[0].shape[1]
                steps = network.descend(self.inner, clips, seeded_noise(network, clips, batch.labels), num_given)
                found = gauge.read(steps, clips, num_given, advance)
                parts.append(found | {"inner": found["inner"] * self.inner.clips})
                maps = maps or heatmaps(network.embedding, clips)
        self.write(gauge.document(parts), maps, run, began)


def view_of(way: str) -> str:
    """What pictures, MLflow's folder and its metrics of a way are called."""
    return HOME if way == USUAL else f"{HOME}-{way}"


def ways(folder: CellFolder) -> list[str]:
    """The ways in which a cell was measured."""
    return [name.removesuffix(".json") for name in folder.folder.children(HOME) if name.endswith(".json")]


def measured_by(folder: CellFolder, way: str) -> dict[str, Any] | None:
    """What is measured of a cell in that way."""
    return read_sealed(folder.folder, f"{HOME}/{way}.json", _way_out(way), "subject", "frames")


def heatmaps(embedding: torch.nn.Module, clips: Tensor) -> Tensors:
    """The first clips' frames (n, c, s, s) at the end of their middle windows, and where these are looked at.

    None of what is no embedding of windows.
    """
    if not isinstance(embedding, FrameQuantity):
        return {}
    windows = embedding.windows(clips)
    heat, middle = grad_cam(embedding, windows.flatten(0, 1)).unflatten(0, windows.shape[:2]), windows.shape[1] // 2
    frames = clips[:NUM_EXAMPLES, middle + embedding.num_frames - 1]
    return {"frames": frames.cpu(), "heat": heat[:NUM_EXAMPLES, middle].float().cpu()}


def maps_of(folder: CellFolder, way: str, subject: Subject) -> Tensors:
    """Frames and heat-maps of a cell; empty where those are of something else."""
    tensors, facts = read_tensors(folder.folder, f"{HOME}/{way}.safetensors", _way_out(way))
    return tensors if facts == subject else {}


def _way_out(way: str) -> str:
    return f"delete {HOME}/{way}.json, and python tune/noether_eval.py measures it anew"


def finite(values: Tensor) -> list[float | None]:
    """The values as JSON has them: None for what is no number."""
    return [value if math.isfinite(value) else None for value in values.tolist()]


def _summary(values: Tensor) -> dict[str, list[float | None]]:
    """Mean and standard error over clips (n, k) for each of k."""
    deviation = values.std(dim=0) if len(values) > 1 else torch.zeros_like(values[0])
    return {"mean": finite(values.mean(dim=0)), "error": finite(deviation / math.sqrt(len(values)))}
