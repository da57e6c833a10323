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
from numpy.typing import ArrayLike, NDArray

from fernn.batch import Batch
from fernn.config import DataConfig
from fernn.equivariance.drift_logits import DriftLogits, broadcast, follows_law
from fernn.experiment import Split
from fernn.train.run import Run

DRAWN = "drawn"
"""The line of a measurement that holds the V_k; the others are the grid's rows, named after their vy."""
Lines = Mapping[str, Sequence[float]]
"""A measurement as far as it is: the metric by line."""
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
    """Velocities of so many steps either way on each axis, row by row; and the V_k that are read besides."""

    axes: tuple[str, ...]
    """("vy", "vx"), or ("angle",): one row."""
    radius: int
    """Steps from 0 to the outermost velocity."""
    ranges: tuple[int, ...] = (0, 1, 2)
    """The k of the V_k."""
    step: float = 1
    unit: str = "pixels per frame"

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
        ranges = cls.ranges if len(motion.axes) > 1 else tuple(range(radius + 1))
        return cls(motion.axes, radius, ranges, motion.step, motion.unit)

    @property
    def axis(self) -> list[float]:
        """The velocities along an axis, in its unit."""
        return [steps * self.step for steps in range(-self.radius, self.radius + 1)]

    def rows(self) -> dict[str, list[tuple[float, ...]]]:
        """The grid's velocities by row: vy outside, vx inside; or the angles."""
        if len(self.axes) == 1:
            return {self.axes[0]: [(angle,) for angle in self.axis]}
        return {f"{vy:g}": [(vy, vx) for vx in self.axis] for vy in self.axis}

    def velocities(self) -> list[tuple[float, ...]]:
        """All of the grid, row by row."""
        return list(product(self.axis, repeat=len(self.axes)))

    def velocity_name(self, velocity: Sequence[float]) -> str:
        """ "vy_1_vx_-2" for (1, -2), "angle_-30" for (-30,)."""
        return "_".join(f"{axis}_{value:g}" for axis, value in zip(self.axes, velocity, strict=True))

    def names(self) -> list[str]:
        """The names of all readings in order: "V0", "V1", ..., then those of the grid's velocities."""
        return [f"V{k}" for k in self.ranges] + [self.velocity_name(velocity) for velocity in self.velocities()]

    @property
    def num_readings(self) -> int:
        """How often a measurement reads the test clips."""
        return len(self.names())


@dataclass(frozen=True)
class VelocityReadings:
    """The test metric by velocity, of one model or as a mean over several."""

    grid: VelocityGrid
    lines: Lines
    """All that :func:`measure` ended with."""

    @property
    def rows(self) -> list[Sequence[float]]:
        """Row i, column j: the metric at the grid's velocity (i, j)."""
        return [self.lines[name] for name in self.grid.rows()]

    @property
    def drawn(self) -> Sequence[float]:
        """The metric on each V_k, in the order of the grid's ranges."""
        return self.lines[DRAWN]

    def by_name(self) -> dict[str, float]:
        """The metric by the name of its reading, see :meth:`VelocityGrid.names`."""
        values = [*self.drawn, *(value for row in self.rows for value in row)]
        return dict(zip(self.grid.names(), values, strict=True))

    @classmethod
    def mean(cls, several: Sequence[Self]) -> Self:
        """The mean over models, entry by entry; all must have the same grid."""
        lines = {name: np.mean([one.lines[name] for one in several], axis=0).tolist() for name in several[0].lines}
        return cls(several[0].grid, lines)


def measure(
    run: Run, clips: MovingClips, grid: VelocityGrid, known: Lines, advance: Callable[[int], None]
) -> Iterator[dict[str, Sequence[float]]]:
    """Measure the lines that ``known`` lacks; yields what is known after each of them.

    ``advance`` is told of readings that are done. Where the model is exactly equivariant, one pass over clips that
    stand still gives all readings (:mod:`fernn.equivariance.drift_logits`).
    """
    missing = {name: line for name, line in plan(clips, grid).items() if name not in known}
    found = by_law(run, clips, missing, advance) if follows_law(run.model) else one_by_one(run, clips, missing, advance)
    lines = dict(known)
    for name, line in found:
        lines[name] = line
        yield dict(lines)


def one_by_one(run: Run, clips: MovingClips, plan: Plan, advance: Callable[[int], None]) -> Iterator[Line]:
    """The plan's lines, the clips read once for each reading."""
    for name, velocities in plan.items():
        line = []
        for moving in velocities:
            line.append(metric_at(run, clips, moving))
            advance(1)
        yield name, line


def by_law(run: Run, clips: MovingClips, plan: Plan, advance: Callable[[int], None]) -> Iterator[Line]:
    """The plan's lines, the clips read once."""
    if not plan:
        return
    still = list(clips.evaluation("test", (0, 0)))
    asked = [readings for line in plan.values() for readings in line]
    each = [broadcast(velocities, sum(len(batch.ids) for batch in still)) for velocities in asked]
    said = 0

    def told(share: float) -> None:
        nonlocal said
        advance(int(share * len(asked)) - said)
        said = int(share * len(asked))

    logits = DriftLogits.of(run, still, list(dict.fromkeys(chain.from_iterable(each))), told)
    for name, velocities in plan.items():
        found = [run.task.predictions(logits.ids, logits.at(moving)) for moving in velocities]
        yield name, [predictions.metrics()[run.task.metric.name] for predictions in found]


def plan(clips: MovingClips, grid: VelocityGrid) -> Plan:
    """The velocities of every line's readings."""
    drawn: list[ArrayLike] = [clips.velocities("test", k) for k in grid.ranges]
    return {DRAWN: drawn} | {name: list(row) for name, row in grid.rows().items()}


def metric_at(run: Run, clips: MovingClips, velocities: ArrayLike) -> float:
    """The metric of the run's model on the test clips that move with ``velocities``: (k,) or (n, k)."""
    return run.predict(clips.evaluation("test", velocities)).metrics()[run.task.metric.name]
