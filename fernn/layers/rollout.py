"""Steps of a recurrent layer in the moving frame that pictures drive, with one backward pass for all of them.

With the lift U, a convolution of pictures, the step of :mod:`fernn.layers.moving_frame` is

    g_t = act(W * g_{t-1} + psi_{-t} (U * f_t)) = act(W * g_{t-1} + U * (psi_{-t} f_t)):

U commutes with shifts, so that pictures are moved and not the maps that are lifted from them. Of pictures whose pixels
have their neighbours side by side, the lift is a product of matrices, added to W * g in one call, and U's gradient is
another such product.

A picture that was predicted is read without a gradient. So the steps are one chain backwards: slopes of a step, W's
transpose, slopes of the step before. W's and U's gradients are summed over ``BLOCK`` steps by one call, for which these
steps' states, pictures and slopes lie one after the other. Nothing but states and pictures is kept.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from fernn.flows import Flow
from fernn.flows.periodic import Shifts, continued, source_places
from fernn.layers.cell import Pooling
from fernn.layers.moving_frame import Activation, activated, convolved, derivative, kernel_gradient
from fernn.layers.recurrence import BLOCK, mirrored
from fernn.layers.slice_pooling import Returned, pooled


@dataclass(frozen=True)
class Steps:
    """A series of steps after the first."""

    flow: Flow
    activation: Activation
    pooling: Pooling
    times: range
    rows: Mapping[int, int]
    """Which of the given pictures is read, by time, in order; at other times the one that was predicted, if any."""
    first_pooled: int
    """The time from which on states are pooled."""
    predict: Callable[[Tensor], Tensor | None]
    """The picture (b, h, w, c') that is predicted from a pooled state (b, h, w, c), None if it is not to be read."""
    is_kept: bool
    """Whether there will be a backward pass."""

    def shifts(self, time: int) -> Shifts:
        """Out of the moving frame at ``time``; there is none where pictures turn, and no slice moves."""
        return tuple(self.flow.shifts(time) or [(0, 0)] * len(self.flow.velocities))


def first_state(picture: Tensor, lift: Tensor, activation: Activation) -> Tensor:
    """act(U * f_0) as (b, 1, h, w, c), of a picture (b, h, w, c') and of U as a matrix."""
    batch, height, width, _ = picture.shape
    lifted = around(picture, [(0, 0)], size_of(lift, picture)) @ lift
    return getattr(torch, activation)(lifted).view(batch, 1, height, width, -1)


def lift_matrix(kernel: Tensor, dtype: torch.dtype) -> Tensor:
    """A kernel (c, c', k, k) as a matrix (k k c', c)."""
    return kernel.to(dtype).permute(2, 3, 1, 0).flatten(0, 2)


def roll_out(
    steps: Steps, state: Tensor, kernel: Tensor, lift: Tensor, pictures: Tensor
) -> tuple[Tensor, list[Tensor]]:
    """The last state (b, v, h, w, c), and the pooled ones (b, h, w, c) of all times from ``first_pooled`` on.

    ``state`` is the one before, (b, v, h, w, c), or (b, 1, h, w, c) where all slices are alike; ``kernel`` is W
    (c, c, k, k), k odd, ``lift`` is U as a matrix, and ``pictures`` are (n, b, h, w, c'), all in one precision.
    """
    last, *found = _Rollout.apply(steps, state, kernel, lift, pictures)
    return last, found


class _Rollout(torch.autograd.Function):
    @staticmethod
    def forward(
        context: Any, steps: Steps, state: Tensor, kernel: Tensor, lift: Tensor, pictures: Tensor
    ) -> tuple[Tensor, ...]:
        batch, _, height, width, channels = state.shape
        num_slices, kept = len(steps.flow.velocities), len(steps.times) if steps.is_kept else 2
        states = state.new_empty(kept, batch, num_slices, height, width, channels)
        seen = state.new_empty(kept, batch * num_slices * height * width, len(lift))
        found: list[Tensor] = []
        picks: list[Tensor] = []
        before, num_driven, picture = state, 0, None
        for index, time in enumerate(steps.times):
            carried = convolved(continued(before, kernel.shape[-1] // 2), kernel)
            carried = carried if carried.shape[1] == num_slices else carried.repeat(1, num_slices, 1, 1, 1)
            picture = pictures[steps.rows[time]] if time in steps.rows else picture
            if picture is not None:
                around(picture, steps.shifts(-time), size_of(lift, picture), seen[index % kept])
                carried.view(-1, channels).addmm_(seen[index % kept], lift)
                assert num_driven == index, "steps that are driven come first"
                num_driven, picture = index + 1, None
            before = activated(carried, steps.activation, states[index % kept])
            if time >= steps.first_pooled:
                maps, pick = pooled(before, steps.shifts(time), steps.pooling)
                found.append(maps)
                picks += pick
                picture = steps.predict(maps)
        context.steps, context.shown = steps, pictures.shape
        context.save_for_backward(state, kernel, lift, states, seen[:num_driven], *picks)
        return before.clone(), *found  # a view would keep all states

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor, *of_pooled: Tensor) -> tuple[Tensor | None, ...]:
        back = _Backward(context.steps, context.saved_tensors, of_pooled)
        pictures = gradient.new_zeros(context.shown) if context.needs_input_grad[4] else None
        gradient, room = gradient.clone(), torch.empty_like(back.states[:BLOCK])
        for first in reversed([0, *range(1, len(back.states), BLOCK)]):
            slopes = room[: len(back.states) - first if first else 1]
            for index in reversed(range(len(slopes))):
                gradient = back.step(first + index, gradient, slopes[index])
            back.add_weights(first, slopes)
            if pictures is not None:
                back.add_pictures(first, slopes, pictures)
        return None, gradient, *back.weights(), pictures


class _Backward:
    """The steps' backward pass."""

    def __init__(self, steps: Steps, saved: Sequence[Tensor], of_pooled: Sequence[Tensor]) -> None:
        self.steps = steps
        self.state, self.kernel, self.lift, self.states, self.seen, *picks = saved
        self.adjoint = mirrored(self.kernel)
        pooled_times = steps.times[len(steps.times) - len(of_pooled) :]
        self.returned = Returned(of_pooled, picks, [steps.shifts(time) for time in pooled_times], steps.pooling)
        self.num_unpooled = len(steps.times) - len(of_pooled)
        self.of_kernel: list[Tensor] = []
        self.of_lift: list[Tensor] = []

    def step(self, index: int, gradient: Tensor, slopes: Tensor) -> Tensor:
        """The gradient of the state before from that of a step's, which is overwritten; its slopes go to ``slopes``."""
        if index >= self.num_unpooled:
            self.returned.add(index - self.num_unpooled, gradient)
        derivative(gradient, self.states[index], self.steps.activation, slopes)
        return convolved(continued(self._of_alike(index, slopes), self.kernel.shape[-1] // 2), self.adjoint)

    def add_weights(self, first: int, slopes: Tensor) -> None:
        """What steps from ``first`` on, with ``slopes`` (t, b, v, h, w, c), add to the gradients of W and U."""
        before = self.states[first - 1 : first - 1 + len(slopes)].flatten(0, 1) if first else self.state
        driven = self.seen[first : first + len(slopes)].flatten(0, 1)
        self.of_lift.append(driven.t() @ slopes.view(-1, slopes.shape[-1])[: len(driven)])
        slopes = self._of_alike(first, slopes.flatten(0, 1))
        self.of_kernel.append(kernel_gradient(slopes, continued(before, self.kernel.shape[-1] // 2), self.kernel))

    def weights(self) -> tuple[Tensor, Tensor]:
        """The gradients of W and U."""
        return torch.stack(self.of_kernel).sum(0), torch.stack(self.of_lift).sum(0)

    def _of_alike(self, index: int, slopes: Tensor) -> Tensor:
        """At the first step those of all slices count for one, where the states before it were alike."""
        return slopes if index or self.state.shape[1] == slopes.shape[1] else slopes.sum(dim=1, keepdim=True)

    def add_pictures(self, first: int, slopes: Tensor, total: Tensor) -> None:
        """What these steps add to the gradients of the given pictures, ``total`` (n, b, h, w, c')."""
        for index, slope in enumerate(slopes, start=first):
            time = self.steps.times[index]
            if time in self.steps.rows:
                one = total[self.steps.rows[time]]
                places = neighbours(self.steps.shifts(-time), *one.shape[1:3], size_of(self.lift, one), one.device)
                seen = slope.view(-1, slope.shape[-1]) @ self.lift.t()
                one.flatten(1, 2).index_add_(1, places, seen.view(len(one), -1, one.shape[-1]))


def around(picture: Tensor, shifts: Shifts, size: int, into: Tensor | None = None) -> Tensor:
    """The pixels around each pixel of a picture (b, h, w, c) moved by ``shifts``: (b v h w, size size c)."""
    batch, height, width, channels = picture.shape
    places = neighbours(tuple(shifts), height, width, size, picture.device)
    found = None if into is None else into.view(batch, -1, channels)
    found = torch.index_select(picture.flatten(1, 2), 1, places, out=found)
    return found.view(-1, size * size * channels)


def size_of(lift: Tensor, picture: Tensor) -> int:
    """Of a square kernel of pictures (b, h, w, c) that is a matrix (size size c, c')."""
    return math.isqrt(len(lift) // picture.shape[-1])


@lru_cache(maxsize=128)
def neighbours(shifts: Shifts, height: int, width: int, size: int, device: torch.device) -> Tensor:
    """Where the (size, size) pixels around each pixel of moved pictures (h, w) come from, (v h w size size,).

    In 32 bits: there are size size times as many as of places in :func:`fernn.flows.periodic.source_places`.
    """
    pad = size // 2
    places = source_places(shifts, height, width, False, torch.device("cpu"), pad)
    padded = places.view(len(shifts), height + 2 * pad, width + 2 * pad)
    return padded.unfold(1, size, 1).unfold(2, size, 1).flatten().int().to(device)
