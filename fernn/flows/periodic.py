"""Shifts and padding on the periodic grid: one gather of pixels for all velocities, forwards and backwards.

Pixels are gathered from slices (b, v, h, w, c), where a pixel's channels lie side by side.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

Shifts = Sequence[tuple[int, int]]
"""How far each slice moves, (dy, dx) pixels down and right, round the border."""


def shift_slices(slices: Tensor, shifts: Shifts) -> Tensor:
    """Slice i of (v, ..., h, w) moved by ``shifts[i]``: equal to ``torch.roll`` slice by slice, and stacked.

    One slice (1, ..., h, w) is moved by all shifts.
    """
    *others, _, _ = slices.shape[1:]
    pixels = slices.flatten(1, -3).permute(0, 2, 3, 1)[None]
    return shift_pixels(pixels, shifts)[0].permute(0, 3, 1, 2).unflatten(1, others)


def shift_pixels(slices: Tensor, shifts: Shifts) -> Tensor:
    """As :func:`shift_slices`, of slices (b, v, h, w, c) or of one (b, 1, h, w, c)."""
    return _Shift.apply(slices, tuple(shifts))


def pad_periodic(maps: Tensor, rows: int, columns: int) -> Tensor:
    """Maps (..., h, w) continued round the border by ``rows`` and ``columns`` on each side."""
    return _Pad.apply(maps, rows, columns)


def gathered(slices: Tensor, shifts: Shifts) -> Tensor:
    """As :func:`shift_pixels`, without a gradient; ``slices`` themselves where nothing moves."""
    if not any(map(any, shifts)):
        return slices
    batch, num_slices, height, width, channels = slices.shape
    places = source_places(tuple(shifts), height, width, num_slices > 1, slices.device)
    found = slices.reshape(batch, -1, channels).index_select(1, places)
    return found.view(batch, len(shifts), height, width, channels)


def continued(slices: Tensor, pad: int, into: Tensor | None = None) -> Tensor:
    """Slices (b, v, h, w, c) continued round the border by ``pad``, (b, v, h + 2 pad, w + 2 pad, c), in one gather.

    They are written ``into`` a tensor that is given.
    """
    if not pad:
        return slices if into is None else into.copy_(slices)
    batch, num_slices, height, width, channels = slices.shape
    places = source_places(((0, 0),), height, width, False, slices.device, pad)
    pixels = slices.reshape(-1, height * width, channels)
    if into is not None:
        torch.index_select(pixels, 1, places, out=into.view(len(pixels), -1, channels))
        return into
    found = pixels.index_select(1, places)
    return found.view(batch, num_slices, height + 2 * pad, width + 2 * pad, channels)


def sum_of_shifted(slices: Tensor, shifts: Shifts) -> Tensor:
    """The sum (b, 1, h, w, c) of what :func:`gathered` gives."""
    return gathered(slices, shifts).sum(dim=1, keepdim=True)


@lru_cache(maxsize=256)
def source_places(shifts: Shifts, height: int, width: int, of_own: bool, device: torch.device, pad: int = 0) -> Tensor:
    """Where the pixels of moved pictures (h, w) come from, counted row by row: (v n,), n = (h + 2 pad) (w + 2 pad).

    Moved pictures are continued round the border by ``pad`` pixels. All are of one picture, or each is ``of_own`` one,
    and these stand one after the other.
    """
    rows, columns = (
        (torch.arange(-pad, size + pad) - by[:, None]) % size
        for size, by in zip((height, width), torch.tensor(shifts).T, strict=True)
    )
    places = rows[:, :, None] * width + columns[:, None, :]
    firsts = torch.arange(len(shifts)) * height * width if of_own else torch.zeros(len(shifts), dtype=torch.long)
    return (places + firsts[:, None, None]).flatten().to(device)


@lru_cache(maxsize=1024)
def opposite(shifts: Shifts) -> Shifts:
    """The shifts that bring back what ``shifts`` moved."""
    return tuple((-dy, -dx) for dy, dx in shifts)


def interior(padded: Tensor, rows: int, columns: int) -> Tensor:
    """The maps (..., h, w) inside padded ones, without a copy."""
    height, width = padded.shape[-2] - 2 * rows, padded.shape[-1] - 2 * columns
    return padded[..., rows : rows + height, columns : columns + width]


def fold_border(gradient: Tensor, axis: int, pad: int) -> Tensor:
    """The gradient of maps from that of the maps continued round the border by ``pad`` along one axis: a copy."""
    size = gradient.shape[axis] - 2 * pad
    folded = gradient.narrow(axis, pad, size).clone()
    folded.narrow(axis, size - pad, pad).add_(gradient.narrow(axis, 0, pad))
    folded.narrow(axis, 0, pad).add_(gradient.narrow(axis, size + pad, pad))
    return folded


def fill_border(padded: Tensor, rows: int, columns: int) -> None:
    """Continue the maps inside round the border, in place."""
    for axis, pad in ((-1, columns), (-2, rows)):
        size = padded.shape[axis] - 2 * pad
        padded.narrow(axis, 0, pad).copy_(padded.narrow(axis, size, pad))
        padded.narrow(axis, size + pad, pad).copy_(padded.narrow(axis, pad, pad))


class _Shift(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, slices: Tensor, shifts: Shifts) -> Tensor:
        context.shifts, context.num_slices = shifts, slices.shape[1]
        return gathered(slices, shifts)

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        back = sum_of_shifted if context.num_slices < len(context.shifts) else gathered
        return back(gradient, opposite(context.shifts)), None


class _Pad(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, maps: Tensor, rows: int, columns: int) -> Tensor:
        context.pad = rows, columns
        *others, height, width = maps.shape
        padded = maps.new_empty(*others, height + 2 * rows, width + 2 * columns)
        interior(padded, rows, columns).copy_(maps)
        fill_border(padded, rows, columns)
        return padded

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        rows, columns = context.pad
        return fold_border(fold_border(gradient, -2, rows), -1, columns), None, None
