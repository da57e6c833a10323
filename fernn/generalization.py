"""Velocity generalization: how a trained model does on clips that move otherwise than those it learnt from.

Two readings of the test clips, both with one constant velocity a clip:

    the grid    every clip moves with the same v, for every v of a grid
    V_k         every clip moves with its own v drawn from V_k, for some k

Source: Keller, "Flow Equivariant Recurrent Neural Networks", NeurIPS 2025, Figures 4 and 5.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, product
from typing import Any, Protocol, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from fernn.batch import Batch
from fernn.config import DataConfig, Motion
from fernn.experiment import Split
from fernn.flows.translation import Velocity, parse_velocities
from fernn.models.fernn import RecurrentClassifier
from fernn.train.run import Run, autocast, evaluating, to_unit
from fernn.train.task import Logits

DRAWN = "drawn"
"""The line of a measurement that holds the V_k; the others are the grid's rows, named after their vy."""
SLICES_AT_ONCE = 1400
"""Of all clips that run together: 0.7 GB for a state of 128 channels in float32, eight clips of FERNN-V2."""
Lines = Mapping[str, Sequence[float]]
"""The metric by line; a measurement that is not complete lacks some."""
Line = tuple[str, Sequence[float]]
Plan = dict[str, list[ArrayLike]]
"""The velocities of every reading, by line."""


class MovingClips(Protocol):
    """Clips that can be asked for with other velocities than their own."""

    def evaluation(self, split: Split, velocities: ArrayLike | None = None) -> Iterable[Batch]:
        """The split's fixed clips, all with one velocity (k,) or each with its row of (n, k)."""

    def velocities(self, split: Split, velocity_range: int) -> NDArray[Any]:
        """One velocity (n, k) for each of the split's clips, drawn from V_velocity_range."""


@dataclass(frozen=True)
class VelocityGrid:
    """The velocities from -radius to radius steps on each axis, row by row; and the V_k that are read besides."""

    motion: Motion
    radius: int
    """Steps from 0 to the outermost velocity."""

    @classmethod
    def of(cls, data: DataConfig, radius: int | None = None) -> Self:
        """The grid that a data set's clips are read on, without a radius that of the paper's figures.

        Raises ValueError where it is too wide, or nothing is set in motion.
        """
        if (motion := data.motion) is None:
            raise ValueError(f"velocities are of clips that are set in motion, not of {data.name}")
        radius = motion.radius if radius is None else radius
        if not 0 <= radius <= motion.most:
            unit = motion.unit if motion.step == 1 else f"steps of {motion.step:g} {motion.unit.split()[0]}"
            raise ValueError(
                f"range must be from 0 to {motion.most} {unit}, beyond which velocities repeat "
                f"on {data.size}x{data.size} frames, got {radius}"
            )
        return cls(motion, radius)

    @property
    def ranges(self) -> tuple[int, ...]:
        """The k of the V_k."""
        return (0, 1, 2) if len(self.motion.axes) > 1 else tuple(range(self.radius + 1))

    @property
    def axis(self) -> list[float]:
        """The velocities along an axis, in its unit."""
        return [steps * self.motion.step for steps in range(-self.radius, self.radius + 1)]

    def rows(self) -> dict[str, list[tuple[float, ...]]]:
        """The grid's velocities by row: vy outside, vx inside; or the one row of vx, or of angles."""
        if len(self.motion.axes) == 1:
            return {self.motion.axes[0]: [self.motion.velocity(value) for value in self.axis]}
        return {f"{vy:g}": [(vy, vx) for vx in self.axis] for vy in self.axis}

    def names(self) -> list[str]:
        """The names of all readings in order: "V0", "V1", ..., then the grid's, as "vy_1_vx_-2" or "angle_-30"."""
        names = [[f"{axis}_{value:g}" for value in self.axis] for axis in self.motion.axes]
        return [f"V{k}" for k in self.ranges] + ["_".join(parts) for parts in product(*names)]


def measure(
    run: Run, clips: MovingClips, grid: VelocityGrid, known: Lines, advance: Callable[[int], None]
) -> Iterator[dict[str, Sequence[float]]]:
    """Measure the lines that ``known`` lacks; yields what is known after each of them.

    ``advance`` is told of readings that are done. Where the model is exactly equivariant, one pass over clips that
    stand still gives all readings.
    """
    missing = {name: line for name, line in plan(clips, grid).items() if name not in known}
    is_exact = isinstance(run.model, RecurrentClassifier) and run.model.is_equivariant
    lines = dict(known)
    for name, line in (by_law if is_exact else one_by_one)(run, clips, missing, advance):
        lines[name] = line
        yield dict(lines)


def plan(clips: MovingClips, grid: VelocityGrid) -> Plan:
    """The velocities of every line's readings."""
    drawn: list[ArrayLike] = [clips.velocities("test", k) for k in grid.ranges]
    return {DRAWN: drawn} | {name: list(row) for name, row in grid.rows().items()}


def one_by_one(run: Run, clips: MovingClips, plan: Plan, advance: Callable[[int], None]) -> Iterator[Line]:
    """The plan's lines, the clips read once for each reading."""
    for name, readings in plan.items():
        line = []
        for velocities in readings:
            line.append(run.predict(clips.evaluation("test", velocities)).metrics()[run.task.metric.name])
            advance(1)
        yield name, line


def by_law(run: Run, clips: MovingClips, plan: Plan, advance: Callable[[int], None]) -> Iterator[Line]:
    """The plan's lines, the clips read once: see :func:`drift_logits`."""
    if not plan:
        return
    still = list(clips.evaluation("test", (0, 0)))
    ids, labels = [name for batch in still for name in batch.ids], torch.cat([batch.labels for batch in still])
    by_clip = {
        name: [parse_velocities(np.broadcast_to(velocities, (len(ids), 2)).tolist()) for velocities in readings]
        for name, readings in plan.items()
    }
    places = {velocity: place for place, velocity in enumerate(dict.fromkeys(chain(*chain(*by_clip.values()))))}
    parts, num_readings, num_done = [], sum(map(len, by_clip.values())), 0
    for part in drift_logits(run, still, list(places)):
        parts.append(part)
        share_before, num_done = num_readings * num_done // len(ids), num_done + part.shape[1]
        advance(num_readings * num_done // len(ids) - share_before)
    logits = torch.cat(parts, dim=1)
    for name, readings in by_clip.items():
        drifting = [logits[[places[v] for v in velocities], torch.arange(len(ids))] for velocities in readings]
        predictions = [Logits({"label": labels, "logits": of_reading}, ids) for of_reading in drifting]
        yield name, [of_reading.metrics()[run.task.metric.name] for of_reading in predictions]


@torch.no_grad()
def drift_logits(run: Run, still: Iterable[Batch], velocities: Sequence[Velocity]) -> Iterator[Tensor]:
    """Logits (w, n, classes) of the next n clips at each velocity, by an exactly equivariant classifier.

    h[psi(w) f]_t(v) = psi_t(w) h[f]_t(v - w), and the head takes the mean over space. So the states of all v - w, run
    once on clips that stand still, give the logits at every velocity w: one embedding and |V - W| slices a clip, where
    a reading for each of the W velocities takes |W| embeddings and |W| |V| slices.
    """
    model = run.model
    assert isinstance(model, RecurrentClassifier)
    at_once = max(1, SLICES_AT_ONCE // len(model.drift_slices(velocities)))
    with evaluating(model), autocast(run.device, run.experiment.precision):
        for clips in chain.from_iterable(batch.clips.split(at_once) for batch in still):
            yield model.drift_logits(to_unit(clips, run.device), velocities).float().cpu()
