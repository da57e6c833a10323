"""One step of G-RNN+: a learned kernel for every slice, the convolution that all share, drive and activation, fused.

Learned kernels are shared by all channels, so that they are one depthwise convolution of slices times channels where
these lie side by side, (b, h, w, v, c); the other convolution reads (b, v, h, w, c). One gather of pixels gets from one
layout to the other and round the border.
"""

from functools import lru_cache
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from fernn.flows.periodic import continued
from fernn.layers.moving_frame import convolution_gradients, convolved, derivative

Layout = Literal["slices first", "slices last", "windows"]


def spread(learned: Tensor, channels: int) -> Tensor:
    """The kernels (v, 1, rows, columns) once for every channel, (v c, 1, rows, columns), without a gradient."""
    return learned.detach().repeat_interleave(channels, 0)


def advance_learned(state: Tensor, learned: Tensor, of_channels: Tensor, kernel: Tensor, drive: Tensor) -> Tensor:
    """tanh(u + W * K_v * h(v)) for every slice, all circular: (b, v, h, w, c).

    ``state`` h is (b, v, h, w, c), or (b, 1, ...) where all slices are alike; ``learned`` K is (v, 1, rows, columns),
    ``of_channels`` its :func:`spread`, ``kernel`` W (c, c, k, k), sizes odd; ``drive`` u is (b, v, h, w, c), or
    (b, 1, ...) for all slices.
    """
    return _AdvanceLearned.apply(state, learned, of_channels, kernel, drive)


class _AdvanceLearned(torch.autograd.Function):
    @staticmethod
    def forward(
        context: Any, state: Tensor, learned: Tensor, of_channels: Tensor, kernel: Tensor, drive: Tensor
    ) -> Tensor:
        pad, context.num_driven = kernel.shape[-1] // 2, drive.shape[1]
        if state.shape[1] < len(learned):  # W commutes with K_v, and is applied before slices differ
            read = convolved(continued(state, pad), kernel)
            carried = depthwise(F.conv2d, around(read, learned), of_channels).permute(0, 3, 1, 2, 4).contiguous()
        else:
            moved = depthwise(F.conv2d, around(state, learned), of_channels)
            read = regathered(moved, "slices first", len(learned), (pad, pad))
            carried = convolved(read, kernel)
        after = carried.add_(drive).tanh_()
        context.save_for_backward(state, learned, of_channels, kernel, read, after)
        return after

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, Tensor, Tensor | None]:
        state, learned, of_channels, kernel, read, after = context.saved_tensors
        pad, slopes = kernel.shape[-1] // 2, derivative(gradient, after, "tanh")
        driven = slopes if context.num_driven > 1 else slopes.sum(dim=1, keepdim=True)
        if state.shape[1] < len(learned):
            carried = moved_back(slopes, learned, of_channels).sum(dim=1, keepdim=True)
            before, weights = convolution_gradients(carried, continued(carried, pad), continued(state, pad), kernel)
            return before, learned_gradient(slopes, read, learned), None, weights, driven
        moved, weights = convolution_gradients(slopes, continued(slopes, pad), read, kernel)
        before = moved_back(moved, learned, of_channels)
        return before, learned_gradient(moved, state, learned), None, weights, driven


def moved_back(gradient: Tensor, learned: Tensor, of_channels: Tensor) -> Tensor:
    """The gradient (b, v, h, w, c) of slices from that of what their learned kernels made of them."""
    reach = {"padding": tuple(size - 1 for size in learned.shape[-2:])}
    return depthwise(F.conv_transpose2d, around(gradient, learned), of_channels, **reach).permute(0, 3, 1, 2, 4)


def depthwise(convolution: Any, padded: Tensor, weights: Tensor, **options: Any) -> Tensor:
    """Slices (b, h', w', v, c), every channel with its kernel of (v c, 1, rows, columns): (b, h, w, v, c)."""
    maps = convolution(padded.flatten(3).permute(0, 3, 1, 2), weights, groups=len(weights), **options)
    return maps.permute(0, 2, 3, 1).contiguous().unflatten(-1, padded.shape[-2:])


def around(slices: Tensor, learned: Tensor) -> Tensor:
    """Slices (b, v, h, w, c), or the one of all, continued as far as the kernels reach: (b, h', w', v, c)."""
    rows, columns = learned.shape[-2:]
    return regathered(slices, "slices last", len(learned), (rows // 2, columns // 2))


def learned_gradient(gradient: Tensor, state: Tensor, learned: Tensor) -> Tensor:
    """The gradient of the kernels from that of their convolution with ``state``, both (b, v, h, w, c).

    Every row of pixels times the rows that the kernel reads there, (w, rows w'): the diagonals, added up.
    """
    batch, num_slices, height, width, channels = gradient.shape
    rows, columns = learned.shape[-2:]
    windows = regathered(state, "windows", num_slices, (rows // 2, columns // 2))
    products = torch.bmm(
        gradient.flatten(0, 2), windows.flatten(3, 4).flatten(0, 2).transpose(1, 2)
    )  # (b v h, w, rows w')
    reach = width + columns - 1
    diagonals = products.as_strided(
        (batch, num_slices, height, width, rows, columns),
        (num_slices * height * width * rows * reach, height * width * rows * reach, width * rows * reach)
        + (rows * reach + 1, reach, 1),
    )
    return diagonals.sum(dim=(0, 2, 3))[:, None]


def regathered(slices: Tensor, layout: Layout, num_slices: int, pads: tuple[int, int]) -> Tensor:
    """Slices in another layout, continued round the border by ``pads`` rows and columns. No gradient.

    "slices last": (b, v, h, w, c), or one slice for all, as (b, h', w', v, c). "slices first": (b, h, w, v, c) as
    (b, v, h', w', c). "windows": (b, v, h, w, c), or one slice for all, as (b, v, h, 2 rows + 1, w', c), the rows
    around every row.
    """
    height, width = slices.shape[1:3] if layout == "slices first" else slices.shape[2:4]
    of_own = layout == "slices first" or slices.shape[1] > 1
    places, shape = source_places(layout, (num_slices, height, width), of_own, pads, slices.device)
    return slices.flatten(1, 3).index_select(1, places).view(len(slices), *shape, slices.shape[-1])


@lru_cache(maxsize=64)
def source_places(
    layout: Layout, size: tuple[int, int, int], of_own: bool, pads: tuple[int, int], device: torch.device
) -> tuple[Tensor, torch.Size]:
    """Where each pixel comes from, all in a row, and the shape that they are in, see :func:`regathered`."""
    num_slices, height, width = size
    slices = torch.arange(num_slices) if of_own else torch.zeros(num_slices, dtype=torch.long)
    rows = torch.arange(-pads[0], height + pads[0])
    columns = torch.arange(-pads[1], width + pads[1]) % width
    if layout == "slices first":
        places = ((rows % height)[:, None] * width + columns) * num_slices + slices[:, None, None]
    elif layout == "slices last":
        places = ((rows % height)[:, None, None] + slices * height) * width + columns[:, None]
    else:
        around_row = rows.unfold(0, 2 * pads[0] + 1, 1) % height
        places = (slices[:, None, None, None] * height + around_row[..., None]) * width + columns
    return places.flatten().to(device), places.shape
