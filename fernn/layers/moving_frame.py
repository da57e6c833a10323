"""One step of a recurrent layer in the moving frame, fused: shifted drive, sum, activation and periodic padding.

The convolution of the next step reads the padded state, and nothing else is kept for the gradient.
"""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from fernn.flows.periodic import fill_border, fold_border, interior, quadrants, shift_slices, sum_of_shifted

Activation = Literal["tanh", "relu"]
Shifts = Sequence[tuple[int, int]]


def advance(convolved: Tensor | None, drive: Tensor, shifts: Shifts, activation: Activation, pad: int) -> Tensor:
    """act(W * g + drive moved by ``shifts``) for every slice, continued round the border by ``pad`` pixels.

    ``convolved`` is W * g, (v, b, c, h, w), or (1, ...) where all slices are alike, or None for zero; ``drive`` is
    (v, b, c, h, w), or (1, ...) for all slices. The result is (v, b, c, h + 2 pad, w + 2 pad), v = len(shifts).
    """
    return _Advance.apply(convolved, drive, tuple(shifts), activation, pad)


class _Advance(torch.autograd.Function):
    @staticmethod
    def forward(
        context: Any, convolved: Tensor | None, drive: Tensor, shifts: Shifts, activation: Activation, pad: int
    ) -> Tensor:
        context.shifts, context.activation, context.pad = shifts, activation, pad
        context.num_convolved = None if convolved is None else len(convolved)
        context.num_driven = len(drive)
        *others, height, width = drive.shape[1:]
        dtype = drive.dtype if convolved is None else convolved.dtype
        padded = drive.new_empty(len(shifts), *others, height + 2 * pad, width + 2 * pad, dtype=dtype)
        state = interior(padded, pad, pad)
        for index, shift in enumerate(shifts):
            moved, image = state[index], drive[index % len(drive)]
            for to, source in quadrants(drive.shape, shift):
                if convolved is None:
                    moved[to].copy_(image[source])
                else:
                    torch.add(convolved[index % len(convolved)][to], image[source], out=moved[to])
        getattr(torch, f"{activation}_")(state)
        fill_border(padded, pad, pad)
        context.save_for_backward(padded)
        return padded

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None, None, None]:
        (padded,) = context.saved_tensors
        slopes = gradient_before(gradient, padded, context.activation, context.pad)
        convolved = slopes.sum(dim=0, keepdim=True) if context.num_convolved == 1 != len(slopes) else slopes
        back = [(-dy, -dx) for dy, dx in context.shifts]
        driven = None
        if context.needs_input_grad[1]:
            shared = context.num_driven == 1
            driven = sum_of_shifted(slopes, back) if shared else shift_slices(slopes, back)
        return (None if context.num_convolved is None else convolved), driven, None, None, None


def gradient_before(gradient: Tensor, padded: Tensor, activation: Activation, pad: int) -> Tensor:
    """The gradient of the sum (v, b, c, h, w) from that of the padded state: border strips go where they came from."""
    state = interior(padded, pad, pad)
    total = derivative(interior(gradient, pad, pad), state, activation)
    if pad == 0:
        return total
    for outside, inside in ((slice(0, pad), slice(-pad, None)), (slice(-pad, None), slice(0, pad))):
        rows = gradient[..., outside, :]
        total[..., inside, :] += derivative(fold_border(rows, -1, pad), state[..., inside, :], activation)
        columns = gradient[..., pad:-pad, outside]
        total[..., inside] += derivative(columns, state[..., inside], activation)
    return total


def derivative(gradient: Tensor, state: Tensor, activation: Activation) -> Tensor:
    """The gradient before the activation that gave ``state``."""
    if activation == "tanh":
        return torch.ops.aten.tanh_backward(gradient, state).contiguous()
    return torch.ops.aten.threshold_backward(gradient, state, 0).contiguous()
