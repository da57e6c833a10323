"""Velocity generalization: how a trained model does on clips that drift otherwise than those it learnt from.

Two readings of the test clips, both with one constant velocity a clip:

    the grid    every clip drifts with the same v, for every v = (vy, vx) with |vy|, |vx| <= radius
    V_k         every clip drifts with its own v drawn from V_k, for k = 0, 1, 2

Source of the second: Keller, "Flow Equivariant Recurrent Neural Networks", NeurIPS 2025, Figure 5.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fernn.batch import Batch
from fernn.experiment import Split
from fernn.flows.translation import Velocity
from fernn.train.run import Run

RANGES = (0, 1, 2)
"""The k of V_k in Figure 5."""
DRAWN = "drawn"
"""The line of a measurement that holds V_0, V_1, V_2; the others are named after their vy."""

Lines = Mapping[str, Sequence[float]]
"""A measurement as far as it is: accuracies by line."""


class MovingClips(Protocol):
    """Clips that can be asked for with other velocities than their own."""

    def evaluation(self, split: Split, velocities: ArrayLike | None = None) -> Iterable[Batch]:
        """The split's fixed clips, all with one (vy, vx) or each with its row of (n, 2)."""

    def velocities(self, split: Split, velocity_range: int) -> NDArray[np.int64]:
        """One (vy, vx) for each of the split's clips, drawn from V_velocity_range."""


@dataclass(frozen=True)
class VelocityAccuracy:
    """Test accuracies by velocity, of one model or as a mean over several."""

    grid: tuple[tuple[float, ...], ...]
    """Row i, column j: all clips drift with (vy, vx) = (i - radius, j - radius) pixels per frame."""
    drawn: tuple[float, ...]
    """On V_0, V_1, V_2, in the order of :data:`RANGES`."""

    @property
    def radius(self) -> int:
        """The largest |vy| and |vx| of the grid."""
        return len(self.grid) // 2

    @classmethod
    def from_lines(cls, lines: Lines, radius: int) -> Self:
        """The accuracies that :func:`measure` ended with."""
        return cls(tuple(tuple(lines[str(vy)]) for vy in span(radius)), tuple(lines[DRAWN]))

    def by_name(self) -> dict[str, float]:
        """The accuracies by name: "V0", "V1", "V2", then "vy_-4_vx_-4", "vy_-4_vx_-3" and so on."""
        flat = [accuracy for row in self.grid for accuracy in row]
        names = [velocity_name(velocity) for velocity in velocities_of(self.radius)]
        drawn = {f"V{k}": accuracy for k, accuracy in zip(RANGES, self.drawn, strict=True)}
        return drawn | dict(zip(names, flat, strict=True))

    @classmethod
    def mean(cls, several: Sequence[Self]) -> Self:
        """The mean over models, entry by entry; all must have the same grid."""
        grid = np.mean([one.grid for one in several], axis=0)
        drawn = np.mean([one.drawn for one in several], axis=0)
        return cls(tuple(map(tuple, grid.tolist())), tuple(drawn.tolist()))


def span(radius: int) -> range:
    """-radius, ..., radius."""
    return range(-radius, radius + 1)


def velocities_of(radius: int) -> list[Velocity]:
    """The grid's velocities row by row: vy outside, vx inside."""
    return [(vy, vx) for vy in span(radius) for vx in span(radius)]


def velocity_name(velocity: Velocity) -> str:
    """ "vy_1_vx_-2" for (1, -2)."""
    return f"vy_{velocity[0]}_vx_{velocity[1]}"


def num_readings(radius: int) -> int:
    """How often a measurement reads the test clips."""
    return len(RANGES) + len(span(radius)) ** 2


def measure(
    run: Run, clips: MovingClips, radius: int, known: Lines, advance: Callable[[int], None]
) -> Iterator[dict[str, Sequence[float]]]:
    """Measure the lines that ``known`` lacks; yields what is known after each of them.

    ``advance`` is told of every single reading.
    """
    lines = dict(known)
    for name, velocities in plan(clips, radius).items():
        if name in lines:
            continue
        line = []
        for moving in velocities:
            line.append(accuracy_at(run, clips, moving))
            advance(1)
        lines[name] = line
        yield dict(lines)


def plan(clips: MovingClips, radius: int) -> dict[str, list[ArrayLike]]:
    """The velocities of every line's readings."""
    drawn: list[ArrayLike] = [clips.velocities("test", k) for k in RANGES]
    return {DRAWN: drawn} | {str(vy): [(vy, vx) for vx in span(radius)] for vy in span(radius)}


def accuracy_at(run: Run, clips: MovingClips, velocities: ArrayLike) -> float:
    """Accuracy of the run's model on the test clips that drift with ``velocities``: (vy, vx) or (n, 2)."""
    return run.predict(clips.evaluation("test", velocities)).metrics()[run.task.metric.name]
