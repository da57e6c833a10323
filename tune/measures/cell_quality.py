"""The measurement of one cell's predicted frames, by frame and by number of inner steps.

A Noether Network takes its own inner steps. Another predictor is measured as trained, and tailored at prediction: a
quantity is learned from the true training clips, or is the frames' brightness; the inner learning rate and the number
of inner steps are those with the smallest validation error, which may be no step at all. Its file has the candidates.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from typing import Any, Literal

import torch
from torch import Tensor, nn

from data.stream import Corpus, Stream
from fernn.batch import Batch
from fernn.experiment import Split
from fernn.files.checkpoint import Tensors
from fernn.frame_quality import Perceptual, frame_quality
from fernn.models.noether import InnerSteps, NoetherNetwork
from fernn.models.noether.quantities import Brightness, ComparedWith, FrameQuantity, grad_cam, learn
from fernn.models.noether.tailoring import InnerOptimizer, Step, TailoredPredictor
from fernn.seeding import seed_of
from fernn.train.noether import seeded_noise
from fernn.train.run import NUM_EXAMPLES, Run, autocast, evaluating, to_unit
from tune.measures.measure import Advance, CellMeasurement, Document

Quantity = Literal["learned", "brightness"]
LEARNING_STEPS, LEARNING_BATCH = 300, 8
"""The largest number of batches from which a quantity is learned, at most an epoch, and the clips of a batch."""


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

    def settings(self) -> Document:
        return super().settings() | {"inner": self.inner.flatten(for_record=True)}

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
                noise = seeded_noise(network, clips, batch.labels)
                acting = None if batch.actions is None else batch.actions.to(run.device)
                steps = network.descend(self.inner, clips, noise, num_given, False, acting)
                parts.append(gauge.read(steps, clips, num_given, advance))
                maps = maps or heatmaps(network.embedding, clips)
        return gauge.document(parts), maps


def heatmaps(embedding: nn.Module, clips: Tensor) -> Tensors:
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


@dataclass(frozen=True)
class Tailoring:
    """How a predictor that was trained without inner steps is tailored."""

    steps: int = 10
    """The largest number of inner steps; with 0 it predicts as trained."""
    rates: tuple[float, ...] = (1e-5, 1e-4, 1e-3)
    """The learning rates among which one is chosen on validation clips."""
    optimizer: InnerOptimizer = "adam"
    compared: ComparedWith = "first"
    quantity: Quantity = "learned"
    num_clips: int | None = 64
    """The number of validation and of test clips, spread evenly over all; None is all."""


@dataclass(frozen=True)
class PredictorMeasurement(QualityMeasurement):
    """The measurement of a predictor that was trained without inner steps."""

    inner: Tailoring

    def num_units(self, corpus: Corpus) -> int:
        """One for each clip, number of inner steps and learning rate."""
        stream, num_rates = corpus.stream(self.data, 1), len(self.inner.rates) if self.inner.steps else 0
        num_clips = num_rates * len(self._places(stream, "validation")) + len(self._places(stream, "test"))
        return num_clips * (self.inner.steps + 1)

    @torch.no_grad()
    def take(self, run: Run, corpus: Corpus, advance: Advance) -> tuple[Document, Tensors | None]:
        """Choose on validation clips, then predict test clips."""
        stream = corpus.stream(self.data, self.cell.experiment.batch_size, run.device)
        with evaluating(run.model):
            quantity = self._quantity(run, corpus) if self.inner.steps else None
            own, rate, errors = self._chosen(run, quantity, stream, advance)
            gauge = Gauge(self.inner.steps, sorted({0, own, self.inner.steps}), self.lpips)
            test = self.opened(run, corpus)
            parts = list(self._read(run, quantity, rate, self._clips(run, test, "test"), gauge, advance))
            maps = {} if quantity is None else heatmaps(quantity, next(self._clips(run, test, "test")))
        choice = {"own_steps": own, "inner_lr": rate if self.inner.steps else None, "validation": errors}
        return gauge.document(parts) | choice, maps

    @torch.enable_grad()
    def _quantity(self, run: Run, corpus: Corpus) -> nn.Module:
        """The conserved quantity."""
        if self.inner.quantity == "brightness":
            return Brightness()
        data, seed = run.experiment.data, run.experiment.seed
        embedding = FrameQuantity.seeded(data.channels, data.size, seed_of(seed, "conserved-embedding")).to(run.device)
        batches = islice(corpus.stream(data, LEARNING_BATCH, run.device).training(seed, 1), LEARNING_STEPS)
        learn(embedding, (to_unit(batch.clips, run.device) for batch in batches))
        return embedding

    def _chosen(
        self, run: Run, quantity: nn.Module | None, stream: Stream, advance: Advance
    ) -> tuple[int, float, dict[str, list[float | None]]]:
        """Steps and rate with the smallest validation error, the fewest and lowest of equals; all errors by rate."""
        by_rate: dict[str, list[float | None]] = {}
        best = (0, self.inner.rates[0], float("inf"))
        for rate in self.inner.rates if self.inner.steps else ():
            clips = self._clips(run, stream, "validation")
            parts = self._read(run, quantity, rate, clips, Gauge(self.inner.steps, ()), advance)
            errors = torch.cat([part["outer"] for part in parts]).double().mean(dim=0)
            by_rate[f"{rate:g}"] = finite(errors)
            errors = errors.nan_to_num(nan=torch.inf)
            if errors.min() < best[2]:
                best = (int(errors.argmin()), rate, errors.min().item())
        return best[0], best[1], by_rate

    def _read(
        self, run: Run, quantity: nn.Module | None, rate: float, clips: Iterable[Tensor], gauge: Gauge, advance: Advance
    ) -> Iterator[dict[str, Tensor]]:
        """The gauge's readings of batches, or of single clips where they are tailored."""
        precision = partial(autocast, run.device, run.experiment.precision)
        inner = InnerSteps(self.inner.steps, rate, optimizer=self.inner.optimizer, compared=self.inner.compared)
        tailored = None if quantity is None else TailoredPredictor(run.model, quantity, precision)
        for batch in clips:
            for few in batch.split(len(batch) if tailored is None else 1):
                given, horizon = run.task.inputs(few)
                if tailored is None:
                    with precision():
                        yield gauge.read(plain(run.model, given, horizon), few, given.shape[1], advance)
                else:
                    yield gauge.read(tailored.descend(inner, given, horizon), few, given.shape[1], advance)

    def _clips(self, run: Run, stream: Stream, split: Split) -> Iterator[Tensor]:
        """The chosen clips of the split, in batches, from 0 to 1."""
        for clips in at_places(stream.evaluation(split), self._places(stream, split)):
            yield to_unit(clips, run.device)

    def _places(self, stream: Stream, split: Split) -> list[int]:
        """Which of the split's clips are chosen."""
        num_clips = stream.num_clips(split)
        return spread(num_clips, self.inner.num_clips or num_clips)


def plain(network: nn.Module, given: Tensor, horizon: int) -> Iterator[Step]:
    """The network's own prediction, as the one after zero steps."""
    frames, nothing = torch.cat([given, network(given, horizon).float()], dim=1), given.new_zeros(len(given))
    yield Step(nothing, frames, {})


def spread(total: int, number: int) -> list[int]:
    """``number`` of ``total`` places at equal distances, the first included; all where there are no more."""
    return [place * total // number for place in range(number)] if number < total else list(range(total))


def at_places(batches: Iterable[Batch], places: Iterable[int]) -> Iterator[Tensor]:
    """The clips of batches at the places, counted over all batches."""
    first, wanted = 0, set(places)
    for batch in batches:
        chosen = [place for place in range(len(batch.clips)) if first + place in wanted]
        if chosen:
            yield batch.clips[chosen]
        first += len(batch.clips)
