"""Translation flows: a picture drifts over a periodic grid by whole pixels per frame."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Self

import torch
from torch import Tensor

from fernn.flows.periodic import shift_slices

Velocity = tuple[int, int]


@dataclass(frozen=True)
class TranslationFlow:
    """The flows psi_t(v) of the periodic pixel grid, for every v = (vy, vx) in ``velocities``.

    psi_t(v) moves an image by t * v pixels, positive down and right, and wraps at the border: a
    permutation of pixels, exact and free of interpolation. Flows add as their velocities do:

        psi_0(v) = id      psi_s(v) psi_t(v) = psi_{s+t}(v)      psi_t(v) psi_t(w) = psi_t(v + w)

    Source: Keller, "Flow Equivariant Recurrent Neural Networks", 2025, section 3.
    """

    velocities: tuple[Velocity, ...]

    def __post_init__(self) -> None:
        if not self.velocities or len(set(self.velocities)) != len(self.velocities):
            raise ValueError(f"velocities must be one or more different (vy, vx), got {self.velocities}")

    @classmethod
    def box(cls, range_y: int, range_x: int) -> Self:
        """All v with |vy| <= range_y and |vx| <= range_x pixels per frame: V_r^T where both are r."""
        if range_y < 0 or range_x < 0:
            raise ValueError(
                f"velocity range must be 0 or more pixels per frame on both axes, got {(range_y, range_x)}"
            )
        return cls(tuple(product(range(-range_y, range_y + 1), range(-range_x, range_x + 1))))

    def act(self, images: Tensor, velocity: Velocity, time: int = 1) -> Tensor:
        """psi_time(velocity) applied to images (..., h, w)."""
        return torch.roll(images, (time * velocity[0], time * velocity[1]), dims=(-2, -1))

    act_hidden = act

    def act_slices(self, slices: Tensor, time: int = 1) -> Tensor:
        """psi_time(v) applied to slice v of (v, ..., h, w), or to the one (1, ..., h, w) for every v."""
        return shift_slices(slices, self.shifts(time))

    def shifts(self, time: int) -> list[Velocity]:
        """time * v for every v."""
        return [(time * vy, time * vx) for vy, vx in self.velocities]

    def difference(self, velocity: Velocity, other: Velocity) -> Velocity:
        """velocity - other."""
        return velocity[0] - other[0], velocity[1] - other[1]


def source_pixels(velocities: Tensor, num_frames: int, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Where each pixel of a drifting clip comes from.

    ``velocities`` (b, 2) holds (vy, vx) in pixels per frame. Returns rows (b, t, h) and columns
    (b, t, w), so that the drifting clip is ``clip[t, rows[t, y], columns[t, x]]``: the same as
    ``TranslationFlow.act`` on frame t with time t, for a whole batch by one gather.
    """
    moved = velocities[:, None, :] * torch.arange(num_frames, device=velocities.device)[:, None]
    down, right = moved.unbind(-1)
    return _rotated(height, down), _rotated(width, right)


def _rotated(size: int, by: Tensor) -> Tensor:
    """0 up to ``size`` moved on by each number of ``by``, round the end: (*by.shape, size)."""
    return _rotations(size, by.device).index_select(0, (-by % size).flatten()).unflatten(0, by.shape)


@lru_cache(maxsize=64)
def _rotations(size: int, device: torch.device) -> Tensor:
    """0 up to ``size`` from each of its numbers on, round the end: (size, size)."""
    numbers = torch.arange(size, device=device)
    return (numbers + numbers[:, None]) % size


def parse_velocities(pairs: Sequence[Sequence[int]]) -> tuple[Velocity, ...]:
    """(vy, vx) pairs as tuples of whole numbers; raises ValueError where one is not a whole pixel."""
    velocities = tuple((int(vy), int(vx)) for vy, vx in pairs)
    if any(tuple(pair) != velocity for pair, velocity in zip(pairs, velocities, strict=True)):
        raise ValueError(f"velocities must be whole pixels per frame, got {list(pairs)}")
    return velocities
