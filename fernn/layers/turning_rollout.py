"""Steps of a recurrent layer that turning pictures drive, with one backward pass for all of them.

With W and the lift U, convolutions of maps with zeros beyond their border, the step is

    h_t(v) = act(W * psi_1(v) h_{t-1}(v) + U * f_t) = act([W U] * [psi_1(v) h_{t-1}(v), f_t]):

the picture stands beside the turned state as further channels, so that one convolution reads both and one gradient is
that of W and U. As in :mod:`fernn.layers.rollout` the steps are one chain backwards, through W alone, and gradients of
weights are summed over blocks of steps by one call. Nothing but states and what is read of them is kept.
"""

from collections.abc import Sequence
from itertools import takewhile
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from fernn.flows import RotationFlow
from fernn.layers.moving_frame import Activation, activated, derivative, maps_kernel_gradient
from fernn.layers.recurrence import BLOCK
from fernn.layers.rollout import Steps
from fernn.layers.slice_pooling import Returned, pooled

MULTIPLE = 8
"""Channels that a convolution reads are filled up with zeros to a multiple of this, as a GPU's matrix units want it."""


def roll_out_turns(
    steps: Steps, state: Tensor, kernel: Tensor, lift: Tensor, pictures: Tensor
) -> tuple[Tensor, list[Tensor]]:
    """The last state (v, b, c, h, w), and the pooled ones (b, h, w, c) of all times from ``first_pooled`` on.

    ``state`` is the one before, (v, b, c, h, w), or (1, b, c, h, w) where all slices are alike; ``kernel`` is W
    (c, c, k, k), ``lift`` is U (c, c', k, k), k odd, and ``pictures`` are (n, b, c', h, w). State and pictures are in
    the precision to compute in, which W and U need not be.
    """
    num_more = -(kernel.shape[1] + lift.shape[1]) % MULTIPLE
    weights = torch.cat([kernel, lift, kernel.new_zeros(len(kernel), num_more, *kernel.shape[2:])], dim=1)
    last, *found = _Turns.apply(steps, state, weights, pictures)
    return last, found


def first_turning_state(picture: Tensor, lift: Tensor, activation: Activation) -> Tensor:
    """act(U * f_0) as (1, b, c, h, w), of a picture (b, c', h, w)."""
    return getattr(torch, activation)(convolved(picture, lift.to(picture.dtype)))[None]


class _Turns(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, steps: Steps, state: Tensor, weights: Tensor, pictures: Tensor) -> tuple[Tensor, ...]:
        run = _Forward(steps, state, weights.to(state.dtype))
        run.show(pictures)
        before, picture = state, None
        for index, time in enumerate(steps.times):
            before = run.step(index, before, pictures[steps.rows[time]] if time in steps.rows else picture)
            picture = run.pool(time, before) if time >= steps.first_pooled else None
        context.steps, context.shown, context.num_alike = steps, pictures.shape, len(state)
        context.summed_in = weights.dtype
        context.save_for_backward(run.weights, run.read, run.states, *run.picks)
        return before.clone(), *run.found  # a view would keep all states

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor, *of_pooled: Tensor) -> tuple[Tensor | None, ...]:
        back = _Backward(context.steps, context.saved_tensors, of_pooled)
        pictures = gradient.new_zeros(context.shown) if context.needs_input_grad[3] else None
        gradient = gradient.clone()
        for index in reversed(range(len(back.states))):
            gradient = back.step(index, gradient, pictures)
        of_weights = torch.stack(back.of_weights).sum(dim=0, dtype=context.summed_in)
        alike = context.num_alike < len(gradient)
        return None, gradient.sum(dim=0, keepdim=True) if alike else gradient, of_weights, pictures


class _Forward:
    """The steps' forward pass, and what the backward pass needs of it."""

    def __init__(self, steps: Steps, state: Tensor, weights: Tensor) -> None:
        assert isinstance(steps.flow, RotationFlow)
        self.steps, self.flow, self.weights, self.channels = steps, steps.flow, weights, len(weights)
        kept, shape = len(steps.times) if steps.is_kept else 1, state.shape[1:]
        self.stands = self.flow.velocities == (0,) and steps.is_kept
        room = kept + self.stands, len(self.flow.velocities), shape[0], weights.shape[1], *shape[2:]
        self.read = state.new_zeros(room)
        own = kept + (not steps.is_kept), len(self.flow.velocities), *shape
        self.states = self.read[1:, :, :, : self.channels] if self.stands else state.new_empty(own)
        self.num_shown = 0
        self.found: list[Tensor] = []
        self.picks: list[Tensor] = []

    def show(self, pictures: Tensor) -> None:
        """Place what the first steps read of the given pictures (n, b, c', h, w), where each step has its own room."""
        given = list(takewhile(self.steps.rows.__contains__, self.steps.times))
        if given and self.steps.is_kept:
            self.num_shown, row = len(given), self.steps.rows[given[0]]
            shown = pictures[row : row + len(given), None]
            self.read[: len(given), :, :, self.channels : self.channels + pictures.shape[2]] = shown

    def step(self, index: int, before: Tensor, picture: Tensor | None) -> Tensor:
        """The state of a step from the one before and the picture (b, c', h, w) that it reads."""
        maps = self.read[index if self.steps.is_kept else 0]
        if index == 0 or not self.stands:  # a state that stands still is where it is read
            self.flow.turned(before, into=maps[:, :, : self.channels])
        if picture is not None and index >= self.num_shown:
            maps[:, :, self.channels : self.channels + picture.shape[1]] = picture
        elif not self.steps.is_kept:
            maps[:, :, self.channels :] = 0
        into = self.states[index % len(self.states)]
        return activated(convolved(maps.flatten(0, 1), self.weights).view(into.shape), self.steps.activation, into)

    def pool(self, time: int, state: Tensor) -> Tensor | None:
        """The picture (b, c', h, w) that is predicted, if it is to be read."""
        maps, picks = pooled(as_pixels(state), self.steps.shifts(time), self.steps.pooling)
        self.found.append(maps.view(state.shape[1:]).permute(0, 2, 3, 1))
        self.picks += picks
        picture = self.steps.predict(self.found[-1])
        return None if picture is None else picture.permute(0, 3, 1, 2)


class _Backward:
    """The steps' backward pass."""

    def __init__(self, steps: Steps, saved: Sequence[Tensor], of_pooled: Sequence[Tensor]) -> None:
        assert isinstance(steps.flow, RotationFlow)
        self.weights, self.read, self.states, *picks = saved
        self.steps, self.flow, self.channels = steps, steps.flow, len(self.weights)
        adjoint = self.weights.flip(-2, -1).transpose(0, 1).contiguous()
        self.of_state, self.of_pictures = adjoint[: self.channels], adjoint[self.channels :]
        self.room = self.states.new_empty(self.states[:BLOCK].shape)
        self.of_weights: list[Tensor] = []
        self.num_unpooled = len(self.states) - len(of_pooled)
        if of_pooled:
            pixels = torch.stack(list(of_pooled)).permute(0, 1, 4, 2, 3).contiguous()
            still = [steps.shifts(0)] * len(pixels)
            self.returned = Returned([as_pixels(one[None])[:, 0] for one in pixels], picks, still, steps.pooling)

    def step(self, index: int, gradient: Tensor, pictures: Tensor | None) -> Tensor:
        """The gradient of the state before, of all slices, from that of a step's, which is overwritten.

        What the step adds to the gradients of the given pictures goes to ``pictures`` (n, b, c', h, w).
        """
        if index >= self.num_unpooled:
            self.returned.add(index - self.num_unpooled, as_pixels(gradient))
        slopes = derivative(gradient, self.states[index], self.steps.activation, self.room[index % BLOCK])
        if index % BLOCK == 0:
            self._add_weights(index)
        if pictures is not None and self.steps.times[index] in self.steps.rows:
            kernel = self.of_pictures[: pictures.shape[2]]
            pictures[self.steps.rows[self.steps.times[index]]] += convolved(slopes.sum(dim=0), kernel)
        return self.flow.turned_back(convolved(slopes.flatten(0, 1), self.of_state).view(gradient.shape))

    def _add_weights(self, first: int) -> None:
        read = self.read[: len(self.states)][first : first + BLOCK].flatten(0, 2)
        slopes = self.room[: len(self.states) - first].flatten(0, 2)
        self.of_weights.append(maps_kernel_gradient(slopes, read, self.weights, self.weights.shape[-1] // 2))


def as_pixels(state: Tensor) -> Tensor:
    """A state (v, b, c, h, w) as slices (1, v, b c, 1, h w): to pool, a map is a pixel, and its pixels are channels."""
    return state.reshape(1, len(state), -1, 1, state.shape[-2] * state.shape[-1])


def convolved(maps: Tensor, kernel: Tensor) -> Tensor:
    """A convolution of maps (n, c, h, w) with zeros beyond their border."""
    return F.conv2d(maps, kernel, padding=kernel.shape[-1] // 2)
