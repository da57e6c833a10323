"""One step of a recurrent layer in the moving frame: periodic convolution, shifted drive, sum and activation, fused.

Nothing but the state before and the state after is kept for the gradient, and how many calls a step makes does not
depend on how many velocities there are. A pixel's channels lie side by side, (b, v, h, w, c): convolutions read them
so (PyTorch's channels_last), and one gather of pixels moves the slices of all velocities.
"""

import os
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from fernn.flows.periodic import Shifts, continued, gathered, opposite, sum_of_shifted

Activation = Literal["tanh", "relu"]
KERNELS: ModuleType | None = None
"""Triton's, where the environment variable FERNN_TRITON is 1; else, or where they do not serve, PyTorch's calls."""
ASKED = os.environ.get("FERNN_TRITON", "0")
if ASKED not in ("", "0", "1"):
    raise ValueError(f"FERNN_TRITON must be 0 or 1, got {ASKED!r}: unset it, or set 1")
if ASKED == "1":
    if find_spec("triton") is None:
        raise ImportError("FERNN_TRITON is 1, but Triton is not installed: unset it, or install triton")
    KERNELS = import_module("fernn.layers.moving_frame_triton")


def advance(state: Tensor | None, kernel: Tensor, drive: Tensor, shifts: Shifts, activation: Activation) -> Tensor:
    """act(W * g + drive moved by ``shifts``) for every slice, with a circular convolution W.

    ``state`` g is (b, v, h, w, c), or (b, 1, ...) where all slices are alike, or None for zero; ``kernel`` W is
    (c, c, k, k), k odd; ``drive`` is (b, v, h, w, c), or (b, 1, ...) for all slices. The result is (b, v, h, w, c),
    v = len(shifts), or (b, 1, ...) where state and drive have one slice and nothing moves.
    """
    return _Advance.apply(state, kernel, drive, tuple(shifts), activation)


def pixels_last(slices: Tensor) -> Tensor:
    """A state (b, v, h, w, c) as slices (v, b, c, h, w), without a copy."""
    return slices.permute(1, 0, 4, 2, 3)


def channels_last(slices: Tensor) -> Tensor:
    """Slices (..., v, b, c, h, w) as (..., b, v, h, w, c), contiguous."""
    return slices.transpose(-5, -4).movedim(-3, -1).contiguous()


class _Advance(torch.autograd.Function):
    @staticmethod
    def forward(
        context: Any, state: Tensor | None, kernel: Tensor, drive: Tensor, shifts: Shifts, activation: Activation
    ) -> Tensor:
        context.shifts, context.activation, context.num_driven = shifts, activation, drive.shape[1]
        if state is None:
            after = getattr(torch, activation)(gathered(drive, shifts))
        else:
            carried = convolved(continued(state, kernel.shape[-1] // 2), kernel)
            after = activated_sum(carried, drive, shifts, activation)
        context.save_for_backward(state, kernel, after)
        return after

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None, None, None]:
        state, kernel, after = context.saved_tensors
        pad, shared = kernel.shape[-1] // 2, context.num_driven < after.shape[1]
        slopes, around, driven = gradients(gradient, after, context.shifts, context.activation, shared, pad)
        before = weights = None
        if state is not None:
            if state.shape[1] < slopes.shape[1]:
                slopes, around = slopes.sum(dim=1, keepdim=True), None
            around = continued(slopes, pad) if around is None else around
            before, weights = convolution_gradients(slopes, around, continued(state, pad), kernel)
        return before, weights, driven if context.needs_input_grad[2] else None, None, None


def activated_sum(carried: Tensor, drive: Tensor, shifts: Shifts, activation: Activation) -> Tensor:
    """act(carried + drive moved by ``shifts``), into ``carried`` where that has room."""
    is_whole = any(map(any, shifts)) or max(carried.shape[1], drive.shape[1]) == len(shifts)
    if KERNELS and KERNELS.serves(carried, 0) and is_whole:
        return KERNELS.advance(carried, drive, shifts, activation)
    drive = gathered(drive, shifts)
    total = carried.add_(drive) if carried.shape[1] >= drive.shape[1] else carried + drive
    return getattr(torch, f"{activation}_")(total)


def gradients(
    gradient: Tensor, after: Tensor, shifts: Shifts, activation: Activation, shared: bool, pad: int
) -> tuple[Tensor, Tensor | None, Tensor]:
    """The gradient before the activation, the same continued round the border by ``pad`` or None, and the drive's."""
    if KERNELS and KERNELS.serves(after, pad) and after.shape[1] == len(shifts):
        return KERNELS.gradients(gradient, after, shifts, activation, shared, pad)
    slopes = derivative(gradient, after, activation)
    driven = (sum_of_shifted if shared else gathered)(slopes, opposite(shifts))
    return slopes, None, driven


def convolved(padded: Tensor, kernel: Tensor) -> Tensor:
    """The kernel applied to every slice of (b, v, h + 2 pad, w + 2 pad, c): (b, v, h, w, c')."""
    return _of_maps(F.conv2d(_as_maps(padded), kernel), padded.shape)


def convolution_gradients(slopes: Tensor, around: Tensor, padded: Tensor, kernel: Tensor) -> tuple[Tensor, Tensor]:
    """The gradients of a state and of the kernel from ``slopes``, that of the state's circular convolution.

    ``around`` are the slopes, ``padded`` is the state continued round the border. The state's gradient is again a
    circular convolution, so that no border needs to be folded back.
    """
    before = F.conv_transpose2d(_as_maps(around), kernel, padding=kernel.shape[-1] - 1)
    return _of_maps(before, slopes.shape), kernel_gradient(slopes, padded, kernel)


def kernel_gradient(slopes: Tensor, padded: Tensor, kernel: Tensor) -> Tensor:
    """The gradient of the kernel alone, as in :func:`convolution_gradients`."""
    return maps_kernel_gradient(_as_maps(slopes), _as_maps(padded), kernel, 0)


def maps_kernel_gradient(slopes: Tensor, read: Tensor, kernel: Tensor, padding: int) -> Tensor:
    """The gradient of the kernel of a convolution, with zeros as border, from that of its result: maps (n, c, h, w)."""
    return torch.ops.aten.convolution_backward(
        slopes, read, kernel, None,
        [1, 1], [padding, padding], [1, 1], False, [0, 0], 1, [False, True, False],
    )[1]  # fmt: skip


def activated(total: Tensor, activation: Activation, into: Tensor) -> Tensor:
    """act(total), written to ``into``."""
    return torch.tanh(total, out=into) if activation == "tanh" else torch.clamp_min(total, 0, out=into)


def derivative(gradient: Tensor, state: Tensor, activation: Activation, found: Tensor | None = None) -> Tensor:
    """The gradient before the activation that gave ``state``, laid out as this is, into ``found`` if that is given."""
    found = torch.empty_like(state) if found is None else found
    if activation == "tanh":
        return torch.ops.aten.tanh_backward.grad_input(gradient, state, grad_input=found)
    return torch.ops.aten.threshold_backward.grad_input(gradient, state, 0, grad_input=found)


def _as_maps(slices: Tensor) -> Tensor:
    return slices.reshape(-1, *slices.shape[2:]).permute(0, 3, 1, 2)


def _of_maps(maps: Tensor, shape: torch.Size) -> Tensor:
    return maps.permute(0, 2, 3, 1).contiguous().view(*shape[:2], *maps.shape[2:], maps.shape[1])
