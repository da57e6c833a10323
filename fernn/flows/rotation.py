"""Rotation flows: a picture turns about its centre by a constant angle per frame."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable


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
        return slices if self.velocities == (0,) else _Turn.apply(slices, self, time)

    def turned(self, slices: Tensor, time: int = 1, into: Tensor | None = None) -> Tensor:
        """As :meth:`act_slices`, without a gradient, written to ``into`` if that is given."""
        degrees, steps = self._turns(time)
        slices = slices.expand(len(degrees), *slices.shape[1:])
        return sampled(rolled(slices, steps, self.group_order), degrees, into)

    def turned_back(self, gradient: Tensor, time: int = 1) -> Tensor:
        """The gradient of slices (v, ..., fields * N, h, w) from that of what :meth:`act_slices` gives."""
        if self.velocities == (0,):
            return gradient
        degrees, steps = self._turns(time)
        return rolled(sampled_back(gradient, degrees), tuple(-step for step in steps), self.group_order)

    def shifts(self, time: int) -> None:
        """A turn is no shift."""

    def difference(self, velocity: float, other: float) -> float:
        """velocity - other."""
        return velocity - other

    def _turns(self, time: int) -> tuple[tuple[float, ...], tuple[int, ...]]:
        """By how many degrees and by how many orientations slices turn in ``time`` steps."""
        degrees = tuple(time * velocity for velocity in self.velocities)
        return degrees, tuple(time * self._orientations(velocity) for velocity in self.velocities)

    def _orientations(self, velocity: float) -> int:
        steps = velocity * self.group_order / 360
        if abs(steps - round(steps)) > 1e-9:
            raise ValueError(
                f"velocity must be a multiple of 360/{self.group_order} = {360 / self.group_order:g} degrees, "
                f"got {velocity:g}"
            )
        return round(steps)


class _Turn(torch.autograd.Function):
    """All slices turned, with their orientations rolled on: one gather and one sampling."""

    @staticmethod
    def forward(context: Any, slices: Tensor, flow: RotationFlow, time: int) -> Tensor:
        context.flow, context.time, context.num_slices = flow, time, len(slices)
        return flow.turned(slices, time)

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        back = context.flow.turned_back(gradient, context.time)
        return back if context.num_slices == len(back) else back.sum(dim=0, keepdim=True), None, None


def rolled(slices: Tensor, steps: tuple[int, ...], order: int) -> Tensor:
    """Slice i of (v, ..., fields * order, h, w) with its orientations ``steps[i]`` further on."""
    if not any(step % order for step in steps):
        return slices
    *others, channels, height, width = slices.shape[1:]
    rows = source_channels(steps, order, channels // order * math.prod(others), slices.device)
    return slices.reshape(-1, height, width).index_select(0, rows).view(slices.shape)


def sampled(slices: Tensor, degrees: tuple[float, ...], into: Tensor | None = None) -> Tensor:
    """Slice i of (v, ..., h, w) turned by ``degrees[i]``, as :func:`rotate` does, in single precision at least."""
    if all(angle % 90 == 0 for angle in degrees):
        return with_quarters(slices, slices, degrees, slices.new_empty(slices.shape) if into is None else into)
    maps, grid = sampling(slices, degrees)
    turned = F.grid_sample(maps, grid, padding_mode="zeros", align_corners=False)
    return with_quarters(turned.view(slices.shape), slices, degrees, into)


def sampled_back(gradient: Tensor, degrees: tuple[float, ...]) -> Tensor:
    """The gradient of the slices from that of what :func:`sampled` gives."""
    back = tuple(-angle for angle in degrees)
    if all(angle % 90 == 0 for angle in degrees):
        return sampled(gradient, back)
    maps, grid = sampling(gradient, degrees)
    options = 0, 0, False, (True, False)  # bilinear, zeros, corners not aligned; the grid has no gradient
    found = torch.ops.aten.grid_sampler_2d_backward(maps, maps, grid, *options)[0]  # the maps' values are not read
    return with_quarters(found.view(gradient.shape), gradient, back)


def sampling(slices: Tensor, degrees: tuple[float, ...]) -> tuple[Tensor, Tensor]:
    """Slices (v, ..., h, w) as maps (v, c, h, w) and where their pixels come from, in single precision at least."""
    if slices.shape[-2] != slices.shape[-1]:
        raise ValueError(f"images must be square to be rotated, got {tuple(slices.shape[-2:])}")
    maps = slices.flatten(1, -3)
    maps = maps.float() if maps.dtype.itemsize < 4 else maps
    return maps, rotation_grid(degrees, maps.shape[-1], maps.device, maps.dtype)


def with_quarters(turned: Tensor, slices: Tensor, degrees: tuple[float, ...], into: Tensor | None = None) -> Tensor:
    """``turned`` with the slices instead that quarter turns permute, in place, or written to ``into`` if given."""
    quarters = {i: angle for i, angle in enumerate(degrees) if angle % 90 == 0}
    permuted = {i: rotate(slices[i], angle) if angle % 360 else slices[i] for i, angle in quarters.items()}
    if into is not None:
        return torch.stack([permuted.get(i, one) for i, one in enumerate(turned)], out=into)
    turned = turned.to(slices.dtype)
    for i, one in permuted.items():
        turned[i] = one
    return turned


@lru_cache(maxsize=64)
def source_channels(steps: tuple[int, ...], order: int, num_fields: int, device: torch.device) -> Tensor:
    """Where the channels of regular fields come from that are rolled by ``steps``, slice by slice: (v fields N,)."""
    orientations = (torch.arange(order) - torch.tensor(steps)[:, None]) % order
    firsts = torch.arange(len(steps) * num_fields).view(len(steps), num_fields, 1) * order
    return (firsts + orientations[:, None]).flatten().to(device)


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
