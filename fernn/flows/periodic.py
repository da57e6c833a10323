"""Shifts and padding on the periodic grid, each one pass over memory forwards and one backwards."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

Span = tuple[slice, slice]


def shift_slices(slices: Tensor, shifts: Sequence[tuple[int, int]]) -> Tensor:
    """Slice i of (v, ..., h, w) moved by ``shifts[i]`` = (dy, dx) pixels, down and right, round the border.

    One slice (1, ..., h, w) is moved by all shifts. Equal to ``torch.roll`` slice by slice, and stacked.
    """
    return _Shift.apply(slices, tuple(shifts))


def pad_periodic(maps: Tensor, rows: int, columns: int) -> Tensor:
    """Maps (..., h, w) continued round the border by ``rows`` and ``columns`` on each side."""
    return _Pad.apply(maps, rows, columns)


def sum_of_shifted(slices: Tensor, shifts: Sequence[tuple[int, int]]) -> Tensor:
    """The sum (1, ..., h, w) of what :func:`shift_slices` would give, added up in float32 or finer; no gradient."""
    total = torch.zeros_like(slices[:1], dtype=torch.promote_types(slices.dtype, torch.float32))
    for moved, shift in zip(slices, shifts, strict=True):
        for to, source in quadrants(slices.shape, shift):
            total[0][to].add_(moved[source])
    return total.to(slices.dtype)


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
    def forward(context: Any, slices: Tensor, shifts: tuple[tuple[int, int], ...]) -> Tensor:
        context.shifts, context.num_slices = shifts, len(slices)
        moved = slices.new_empty(len(shifts), *slices.shape[1:])
        for index, shift in enumerate(shifts):
            image = slices[index if len(slices) > 1 else 0]
            for to, source in quadrants(moved.shape, shift):
                moved[index][to].copy_(image[source])
        return moved

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        back = [(-dy, -dx) for dy, dx in context.shifts]
        if context.num_slices > 1 or len(back) == 1:
            return shift_slices(gradient, back), None
        return sum_of_shifted(gradient, back), None


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


def quadrants(shape: torch.Size, shift: tuple[int, int]) -> Iterator[tuple[Any, Any]]:
    """Where the parts of an image that is moved round the border go, and where they come from."""
    rows, columns = (_parts(size, by) for size, by in zip(shape[-2:], shift, strict=True))
    for (row_to, row_from), (column_to, column_from) in product(rows, columns):
        yield (..., row_to, column_to), (..., row_from, column_from)


def _parts(size: int, by: int) -> list[Span]:
    by %= size
    parts = [(slice(by, size), slice(0, size - by)), (slice(0, by), slice(size - by, size))]
    return parts if by else parts[:1]
