"""Rotation flows: a picture turns about its centre by a constant angle per frame."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class RotationFlow:
    """The flows psi_t(v) that turn a picture by t * v degrees, positive counter-clockwise, zeros beyond its border.

    A hidden state of regular fields of C_N has N orientations for every field: it turns as a picture does while its
    orientations roll on by t * v * N / 360. Quarter turns permute pixels and are exact; other angles interpolate
    bilinearly, and the laws of a flow hold up to that. Pictures must be square.
    Source: Keller, "Flow Equivariant Recurrent Neural Networks", NeurIPS 2025, sections 3 and 5.1.
    """

    velocities: tuple[float, ...]
    """V in degrees per frame."""
    group_order: int = 36
    """N: orientations of a regular field."""

    def __post_init__(self) -> None:
        if not self.velocities or len(set(self.velocities)) != len(self.velocities):
            raise ValueError(f"velocities must be one or more different angles, got {self.velocities}")
        if self.group_order < 1:
            raise ValueError(f"group_order must be 1 or more, got {self.group_order}")
        for velocity in self.velocities:
            self._orientations(velocity)

    def act(self, images: Tensor, velocity: float, time: int = 1) -> Tensor:
        """psi_time(velocity) applied to images (..., h, w)."""
        return rotate(images, velocity * time)

    def act_hidden(self, state: Tensor, velocity: float, time: int = 1) -> Tensor:
        """psi_time(velocity) applied to regular fields (..., fields * N, h, w)."""
        fields = state.unflatten(-3, (-1, self.group_order))
        turned = torch.roll(fields, time * self._orientations(velocity), dims=-3).flatten(-4, -3)
        return rotate(turned, velocity * time)

    def act_slices(self, slices: Tensor, time: int = 1) -> Tensor:
        """psi_time(v) applied to slice v of (v, ..., fields * N, h, w), or to the one (1, ...) for every v."""
        fields = slices.expand(len(self.velocities), *slices.shape[1:])
        return torch.stack([self.act_hidden(state, v, time) for state, v in zip(fields, self.velocities, strict=True)])

    def shifts(self, time: int) -> None:
        """A turn is no shift."""

    def difference(self, velocity: float, other: float) -> float:
        """velocity - other."""
        return velocity - other

    def _orientations(self, velocity: float) -> int:
        steps = velocity * self.group_order / 360
        if abs(steps - round(steps)) > 1e-9:
            raise ValueError(
                f"velocity must be a multiple of 360/{self.group_order} = {360 / self.group_order:g} degrees, "
                f"got {velocity:g}"
            )
        return round(steps)


def rotate(images: Tensor, degrees: float) -> Tensor:
    """Square images (..., h, w) turned counter-clockwise about their centre, bilinearly, zeros beyond the border."""
    if images.shape[-2] != images.shape[-1]:
        raise ValueError(f"images must be square to be rotated, got {tuple(images.shape[-2:])}")
    if degrees % 90 == 0:
        return torch.rot90(images, int(degrees // 90) % 4, dims=(-2, -1))
    flat = images.flatten(0, -3)[None] if images.dim() > 2 else images[None, None]
    grid = rotation_grid((degrees,), images.shape[-1], images.device, images.dtype)
    return F.grid_sample(flat, grid, padding_mode="zeros", align_corners=False).view_as(images)


@lru_cache(maxsize=256)
def rotation_grid(
    degrees: Sequence[float], size: int, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
) -> Tensor:
    """Where each pixel of pictures turned by ``degrees`` comes from: (n, size, size, 2) for ``grid_sample``."""
    turns = [(math.cos(angle), math.sin(angle)) for angle in map(math.radians, degrees)]
    rows = [[[cos, -sin, 0.0], [sin, cos, 0.0]] for cos, sin in turns]
    matrices = torch.tensor(rows, dtype=torch.promote_types(dtype, torch.float32))
    grid = F.affine_grid(matrices, [len(matrices), 1, size, size], align_corners=False)
    return grid.to(device=device, dtype=dtype)
