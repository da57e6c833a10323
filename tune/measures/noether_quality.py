"""The measurement of a Noether Network's predictions, by frame and by number of inner steps."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from data.stream import Corpus
from fernn.files.checkpoint import Tensors
from fernn.frame_quality import Perceptual, frame_quality
from fernn.models.noether import InnerSteps, NoetherNetwork
from fernn.models.noether.quantities import FrameQuantity, grad_cam
from fernn.models.noether.tailoring import Step
from fernn.train.noether import seeded_noise
from fernn.train.run import NUM_EXAMPLES, Run, autocast, evaluating, to_unit
from tune.measures.measure import Advance, CellMeasurement
from tune.measures.result_file import Document


@dataclass(frozen=True)
class Gauge:
    """Measures predictions after 0, 1, ..., ``steps`` inner steps."""

    steps: int
    shown: Sequence[int]
    """The numbers of inner steps at which frames are measured."""
    lpips: Perceptual | None = None

    def read(self, steps: Iterator[Step], clips: Tensor, num_given: int, advance: Advance) -> dict[str, Tensor]:
        """Losses (b, steps + 1) by number of inner steps, and metrics (b, horizon) where frames are measured.

        Nothing else of a step is kept, so that memory does not grow with the number of steps.
        """
        read: dict[str, Tensor] = {}
        inner, outer, true = [], [], clips[:, num_given:]
        for count, step in enumerate(islice(steps, self.steps + 1)):
            frames = step.frames[:, num_given:]
            inner.append(step.losses.cpu())
            outer.append((frames - true).square().mean(dim=(2, 3, 4)).sum(dim=1).cpu())
            if count in self.shown:
                quality = frame_quality(frames, true)
                quality |= {} if self.lpips is None else {"lpips": self.lpips.distance(frames, true)}
                read |= {f"{count}/{name}": values.cpu() for name, values in quality.items()}
            advance(len(clips))
        return read | {"inner": torch.stack(inner, dim=1), "outer": torch.stack(outer, dim=1)}

    def document(self, parts: Sequence[dict[str, Tensor]]) -> Document:
        """Means and standard errors over all clips."""
        values = {name: torch.cat([part[name] for part in parts]).double() for name in parts[0]}
        frames: dict[str, Any] = {str(count): {} for count in self.shown}
        for name in values.keys() - {"inner", "outer"}:
            count, _, metric = name.partition("/")
            frames[count][metric] = _summary(values[name])
        losses = {name: _summary(values[name]) for name in ("inner", "outer")}
        return {"num_clips": len(values["inner"]), "frames": frames, **losses}


@dataclass(frozen=True)
class QualityMeasurement(CellMeasurement):
    """One finished cell, to be measured with certain inner steps; ``way`` names the options."""

    inner: Any
    """The dataclass of the inner steps' settings."""
    lpips: Perceptual | None = None

    def settings(self) -> Document:
        """The SHA-256 of LPIPS's weights where it is measured, and the settings of the inner steps."""
        lpips = {} if self.lpips is None else {"lpips_sha256": self.lpips.sha256}
        return {**lpips, "inner": asdict(self.inner)}


@dataclass(frozen=True)
class NoetherMeasurement(QualityMeasurement):
    """The measurement of a Noether Network, with up to ``inner.steps`` inner steps."""

    inner: InnerSteps

    @property
    def shown(self) -> list[int]:
        """The numbers of inner steps at which frames are measured."""
        own = self.cell.experiment.model.inner().steps  # type: ignore[attr-defined]
        return sorted({0, min(own, self.inner.steps), self.inner.steps})

    def num_units(self, corpus: Corpus) -> int:
        """One for each clip and number of inner steps."""
        return corpus.stream(self.data, 1).num_clips("test") * (self.inner.steps + 1)

    @torch.no_grad()
    def take(self, run: Run, corpus: Corpus, advance: Advance) -> tuple[Document, Tensors | None]:
        network = run.model
        assert isinstance(network, NoetherNetwork)
        gauge, parts = Gauge(self.inner.steps, self.shown, self.lpips), []
        maps: Tensors = {}
        with evaluating(network), autocast(run.device, run.experiment.precision):
            for batch in self.opened(run, corpus).evaluation("test"):
                clips = to_unit(batch.clips, run.device)
                num_given = run.task.inputs(clips)[0].shape[1]
                steps = network.descend(self.inner, clips, seeded_noise(network, clips, batch.labels), num_given)
                part = gauge.read(steps, clips, num_given, advance)
                parts.append(part | {"inner": part["inner"] * self.inner.clips})
                maps = maps or heatmaps(network.embedding, clips)
        return gauge.document(parts), maps


def heatmaps(embedding: torch.nn.Module, clips: Tensor) -> Tensors:
    """The first clips' frames (n, c, s, s) at the end of their middle windows, and the heat-maps of these.

    Empty where the embedding is not one of windows of frames.
    """
    if not isinstance(embedding, FrameQuantity):
        return {}
    windows = embedding.windows(clips)
    heat, middle = grad_cam(embedding, windows.flatten(0, 1)).unflatten(0, windows.shape[:2]), windows.shape[1] // 2
    frames = clips[:NUM_EXAMPLES, middle + embedding.num_frames - 1]
    return {"frames": frames.cpu(), "heat": heat[:NUM_EXAMPLES, middle].float().cpu()}


def finite(values: Tensor) -> list[float | None]:
    """The values for JSON, with None for those that are not finite."""
    return [value if math.isfinite(value) else None for value in values.tolist()]


def _summary(values: Tensor) -> dict[str, list[float | None]]:
    """Mean and standard error over clips (n, k) for each of k."""
    deviation = values.std(dim=0) if len(values) > 1 else torch.zeros_like(values[0])
    return {"mean": finite(values.mean(dim=0)), "error": finite(deviation / math.sqrt(len(values)))}
