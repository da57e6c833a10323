"""One step of a recurrent layer in the moving frame: periodic convolution, shifted drive, sum and activation, fused.

Nothing but the state before and the state after is kept for the gradient, and how many calls a step makes does not
depend on how many velocities there are. A pixel's channels lie side by side, (b, v, h, w, c): convolutions read them
so (PyTorch's channels_last), and one gather of pixels moves the slices of all velocities.
"""

from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from fernn.flows.periodic import Shifts, continued, gathered, opposite, sum_of_shifted

Activation = Literal["tanh", "relu"]


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
    """Slices (v, b, c, h, w) as (b, v, h, w, c), contiguous."""
    return slices.permute(1, 0, 3, 4, 2).contiguous()


class _Advance(torch.autograd.Function):
    @staticmethod
    def forward(
        context: Any, state: Tensor | None, kernel: Tensor, drive: Tensor, shifts: Shifts, activation: Activation
    ) -> Tensor:
        context.shifts, context.activation, context.num_driven = shifts, activation, drive.shape[1]
        drive = gathered(drive, shifts)
        if state is None:
            after = getattr(torch, activation)(drive)
        else:
            carried = convolved(continued(state, kernel.shape[-1] // 2), kernel)
            total = carried.add_(drive) if carried.shape[1] >= drive.shape[1] else carried + drive
            after = getattr(torch, f"{activation}_")(total)
        context.save_for_backward(state, kernel, after)
        return after

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None, None, None]:
        state, kernel, after = context.saved_tensors
        slopes = derivative(gradient, after, context.activation)
        before = weights = driven = None
        if context.needs_input_grad[2]:
            back = sum_of_shifted if context.num_driven < slopes.shape[1] else gathered
            driven = back(slopes, opposite(context.shifts))
        if state is not None:
            slopes = slopes.sum(dim=1, keepdim=True) if state.shape[1] < slopes.shape[1] else slopes
            before, weights = convolution_gradients(slopes, continued(state, kernel.shape[-1] // 2), kernel)
        return before, weights, driven, None, None


def convolved(padded: Tensor, kernel: Tensor) -> Tensor:
    """The kernel applied to every slice of (b, v, h + 2 pad, w + 2 pad, c): (b, v, h, w, c')."""
    return _of_maps(F.conv2d(_as_maps(padded), kernel), padded.shape)


def convolution_gradients(slopes: Tensor, padded: Tensor, kernel: Tensor) -> tuple[Tensor, Tensor]:
    """The gradients of a state and of the kernel from ``slopes``, that of the state's circular convolution.

    ``padded`` is the state continued round the border. The state's gradient is again a circular convolution, so that
    no border needs to be folded back.
    """
    size = kernel.shape[-1]
    before = F.conv_transpose2d(_as_maps(continued(slopes, size // 2)), kernel, padding=size - 1)
    weights = torch.ops.aten.convolution_backward(
        _as_maps(slopes), _as_maps(padded), kernel, None,
        [1, 1], [0, 0], [1, 1], False, [0, 0], 1, [False, True, False],
    )[1]  # fmt: skip
    return _of_maps(before, slopes.shape), weights


def derivative(gradient: Tensor, state: Tensor, activation: Activation) -> Tensor:
    """The gradient before the activation that gave ``state``, laid out as this is."""
    found = torch.empty_like(state)
    if activation == "tanh":
        return torch.ops.aten.tanh_backward.grad_input(gradient, state, grad_input=found)
    return torch.ops.aten.threshold_backward.grad_input(gradient, state, 0, grad_input=found)


def _as_maps(slices: Tensor) -> Tensor:
    return slices.flatten(0, 1).permute(0, 3, 1, 2)


def _of_maps(maps: Tensor, shape: torch.Size) -> Tensor:
    return maps.permute(0, 2, 3, 1).contiguous().unflatten(0, shape[:2])
