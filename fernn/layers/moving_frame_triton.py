"""The moving-frame step between two convolutions as one Triton kernel forward and one backward, float32 and bfloat16.

They compute what ``fernn.layers.moving_frame`` does by PyTorch's calls, which are their reference: equal in float32 to
1e-6, in bfloat16 to its rounding. Sums are float32, and rounded where PyTorch's calls round. ``FERNN_TRITON=1`` turns
them on; they were compiled for GPUs and checked in Triton's interpreter, but have not run on a GPU yet.
"""

from functools import lru_cache
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from fernn.flows.periodic import Shifts

BLOCK = 1024
"""Numbers that one program computes."""


def serves(state: Tensor, pad: int) -> bool:
    """Whether the kernels compute steps of this state (b, v, h, w, c): on a GPU, or in Triton's interpreter."""
    is_there = state.is_cuda or triton.knobs.runtime.interpret
    return is_there and state.dtype in (torch.float32, torch.bfloat16) and pad <= min(state.shape[2:4])


def advance(carried: Tensor, drive: Tensor, shifts: Shifts, activation: str) -> Tensor:
    """act(carried + drive moved by ``shifts``): (b, v, h, w, c), v = len(shifts), of (b, v or 1, h, w, c) both."""
    batch, _, height, width, channels = carried.shape
    after = carried.new_empty(batch, len(shifts), height, width, channels)
    tensors = (carried, drive.contiguous(), table(shifts, height, width, carried.device), after)
    shared = (carried.shape[1] < len(shifts), drive.shape[1] < len(shifts))
    grid = (batch * len(shifts) * height, triton.cdiv(width * channels, BLOCK))
    _advance[grid](tensors, (len(shifts), height, width, channels), shared, activation == "relu", BLOCK)
    return after


def gradients(
    gradient: Tensor, after: Tensor, shifts: Shifts, activation: str, shared: bool, pad: int
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradient before the activation, the same continued round the border by ``pad``, and that of the drive.

    The first is (b, v, h, w, c), the last (b, 1, h, w, c) where one drive is ``shared``, else (b, v, h, w, c).
    """
    batch, num_slices, height, width, channels = after.shape
    slopes = torch.empty_like(after)
    around = after.new_empty(batch, num_slices, height + 2 * pad, width + 2 * pad, channels)
    driven = after.new_empty(batch, 1 if shared else num_slices, height, width, channels)
    moves = table(shifts, height, width, after.device)
    tensors = (gradient.contiguous(), after, moves, slopes, around, driven)
    grid = (batch * height, triton.cdiv(width * channels, BLOCK))
    _gradients[grid](tensors, (num_slices, height, width, channels), shared, activation == "relu", pad, BLOCK)
    return slopes, around, driven


@lru_cache(maxsize=1024)
def table(shifts: Shifts, height: int, width: int, device: torch.device) -> Tensor:
    """The shifts (v, 2) as pixels from 0 up to height and width."""
    return torch.tensor([(dy % height, dx % width) for dy, dx in shifts], dtype=torch.int32).to(device)


@triton.jit
def _tanh(x: "Any") -> "Any":
    """To float32's rounding: a series about zero, where 1 - exp would cancel."""
    square = x * x
    series = x * (1 + square * (-1 / 3 + square * (2 / 15 + square * (-17 / 315 + square * (62 / 2835)))))
    decay = tl.exp(-2 * tl.abs(x))
    far = (1 - decay) / (1 + decay)
    return tl.where(tl.abs(x) < 0.25, series, tl.where(x < 0, -far, far))


@triton.jit
def _advance(tensors: "Any", sizes: "Any", shared: tl.constexpr, relu: tl.constexpr, block: tl.constexpr) -> None:
    """Each program has a part of one row of pixels."""
    carried, drive, moves, after = tensors
    num_slices, height, width, channels = sizes
    row = tl.program_id(0).to(tl.int64)
    along = tl.program_id(1) * block + tl.arange(0, block)
    inside = along < width * channels
    y, index, batch = row % height, row // height % num_slices, row // (height * num_slices)
    own, driving = batch * num_slices + index, batch * num_slices + index
    if shared[0]:
        own = batch
    if shared[1]:
        driving = batch
    from_y = (y - tl.load(moves + 2 * index) + height) % height
    from_x = (along // channels - tl.load(moves + 2 * index + 1) + width) % width
    total = tl.load(carried + (own * height + y) * width * channels + along, inside, 0).to(tl.float32)
    source = (driving * height + from_y) * width * channels + from_x * channels + along % channels
    total += tl.load(drive + source, inside, 0).to(tl.float32)
    total = total.to(after.dtype.element_ty).to(tl.float32)
    total = tl.maximum(total, 0) if relu else _tanh(total)
    tl.store(after + row * width * channels + along, total.to(after.dtype.element_ty), inside)


@triton.jit
def _gradients(
    tensors: "Any", sizes: "Any", shared: tl.constexpr, relu: tl.constexpr, pad: tl.constexpr, block: tl.constexpr
) -> None:
    """Each program has a part of one row of the drive, and goes through the pixels of all slices that it drove."""
    gradient, after, moves, slopes, around, driven = tensors
    num_slices, height, width, channels = sizes
    row = tl.program_id(0).to(tl.int64)
    along = tl.program_id(1) * block + tl.arange(0, block)
    inside = along < width * channels
    y, batch, x, channel = row % height, row // height, along // channels, along % channels
    total = tl.zeros((block,), tl.float32)
    for index in range(num_slices):
        to_y = (y + tl.load(moves + 2 * index)) % height
        to_x = (x + tl.load(moves + 2 * index + 1)) % width
        own = batch * num_slices + index
        there = (own * height + to_y) * width * channels + to_x * channels + channel
        state = tl.load(after + there, inside, 0).to(tl.float32)
        slope = tl.load(gradient + there, inside, 0).to(tl.float32)
        slope = tl.where(state > 0, slope, 0.0) if relu else slope * (1 - state * state)
        rounded = slope.to(slopes.dtype.element_ty)
        tl.store(slopes + there, rounded, inside)
        for down in tl.static_range(-1, 2):
            line = to_y + pad + down * height
            if (line >= 0) & (line < height + 2 * pad):
                first = (own * (height + 2 * pad) + line) * (width + 2 * pad) * channels
                for right in tl.static_range(-1, 2):
                    column = to_x + pad + right * width
                    seen = inside & (column >= 0) & (column < width + 2 * pad)
                    tl.store(around + first + column * channels + channel, rounded, seen)
        if shared:
            total += rounded.to(tl.float32)
        else:
            tl.store(driven + (own * height + y) * width * channels + along, rounded, inside)
    if shared:
        tl.store(driven + row * width * channels + along, total.to(driven.dtype.element_ty), inside)
