"""Steps of a recurrent layer in the moving frame one after another, with one backward pass for all of them.

For small maps a step of its own in PyTorch's graph takes the host as long as what it computes. Nothing but the states
is kept for the gradient. That of the convolution's kernel W is summed over ``BLOCK`` steps by one call: their states
lie one after another, and so do the gradients that it reads them with.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from fernn.flows.periodic import Shifts, continued, gathered, opposite, sum_of_shifted
from fernn.layers.moving_frame import Activation, activated, convolved, derivative, kernel_gradient

BLOCK = 3
"""Steps whose padded gradients are held at once: as much as the padded state and slopes of a step on its own."""


def advance_along(
    state: Tensor, kernel: Tensor, drives: Tensor, shifts: Sequence[Shifts], activation: Activation
) -> Tensor:
    """The state (b, v, h, w, c), v = len(shifts[t]), after steps of :func:`fernn.layers.moving_frame.advance`.

    ``drives`` (t, b, v, h, w, c) or (t, b, 1, h, w, c) hold one for each step and ``shifts`` how it is moved; ``state``
    and ``kernel`` are as there, all in one precision. At each step something moves, or v is 1.
    """
    return _Recurrence.apply(state, kernel, drives, Steps(shifts, activation, torch.is_grad_enabled()))


class Steps(NamedTuple):
    """How each step moves its drive, by which activation it ends, and whether there will be a backward pass."""

    shifts: Sequence[Shifts]
    activation: Activation
    is_kept: bool


class _Recurrence(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, state: Tensor, kernel: Tensor, drives: Tensor, steps: Steps) -> Tensor:
        context.steps, context.num_driven = steps, drives.shape[2]
        num_kept = len(drives) - 1 if steps.is_kept else 0
        kept = state.new_empty(num_kept, len(state), len(steps.shifts[0]), *state.shape[2:])
        after, pad = state, kernel.shape[-1] // 2
        rooms = [*kept.unbind(), *[None] * (len(drives) - num_kept)]
        for drive, moves, room in zip(drives.unbind(), steps.shifts, rooms, strict=True):
            carried, drive = convolved(continued(after, pad), kernel), gathered(drive, moves)
            total = carried.add_(drive) if carried.shape[1] >= drive.shape[1] else carried + drive
            after = activated(total, steps.activation, total if room is None else room)
        context.save_for_backward(state, kernel, kept, after)
        return after

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        back = _Backward(context, gradient)
        num_steps = len(context.steps.shifts)
        for first in reversed([0, *range(1, num_steps, BLOCK)]):
            back.through(first, min(first + BLOCK, num_steps) if first else 1)
        drives = torch.stack(back.driven[::-1]) if context.needs_input_grad[2] else None
        return back.gradient, mirrored(back.weights), drives, None


class _Backward:
    """From the last step to the first: the state's gradient, W's mirrored so far, and those of the drives."""

    def __init__(self, context: Any, gradient: Tensor) -> None:
        self.context, self.gradient = context, gradient
        self.state, kernel, self.kept, last = context.saved_tensors
        self.states, self.back, self.pad = [*self.kept.unbind(), last], mirrored(kernel), kernel.shape[-1] // 2
        self.driven: list[Tensor] = []
        self.weights: Tensor

    def through(self, first: int, end: int) -> None:
        """Back through the steps from ``first`` up to ``end``: of one more, or of those whose states are kept."""
        before = self.kept[first - 1 : end - 1].flatten(0, 1) if first else self.state
        height, width = (size + 2 * self.pad for size in before.shape[2:4])
        around = before.new_empty(end - first, len(self.state), before.shape[1], height, width, before.shape[-1])
        for index in reversed(range(first, end)):
            slopes = self._slopes(index)
            if slopes.shape[1] > before.shape[1]:
                slopes = slopes.sum(dim=1, keepdim=True)
            self.gradient = convolved(continued(slopes, self.pad, around[index - first]), self.back)
        weights = kernel_gradient(before, around.flatten(0, 1), self.back)
        self.weights = weights if end == len(self.states) else self.weights.add_(weights)

    def _slopes(self, index: int) -> Tensor:
        """The gradient before the activation, into the gradient itself where that is nobody else's."""
        after, moves = self.states[index], opposite(self.context.steps.shifts[index])
        found = None if index == len(self.states) - 1 else self.gradient
        slopes = derivative(self.gradient, after, self.context.steps.activation, found)
        back = sum_of_shifted if self.context.num_driven < after.shape[1] else gathered
        self.driven.append(back(slopes, moves))
        return slopes


def mirrored(kernel: Tensor) -> Tensor:
    """The kernel of the gradient of what a circular convolution reads: this is again a circular convolution.

    Whatever that gradient is, the kernel's own gradient is the mirrored one of the mirrored kernel's, for which what
    the convolution reads and the gradient of what it gives change places.
    """
    return kernel.transpose(0, 1).flip(2, 3).contiguous(memory_format=torch.channels_last)
