"""Pooling over V of states in the moving frame, and the way back of its gradient, for a series of steps.

Slices are moved and pooled as (b, v, h, w, c). PyTorch's pooling of pictures finds the greatest of all slices and which
it is: of pixels with their channels side by side it reads many at once, as ``max`` over an axis in front does not.
"""

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from fernn.flows.periodic import Shifts, gathered, opposite, source_places
from fernn.layers.cell import Pooling


def pooled(state: Tensor, shifts: Shifts, pooling: Pooling) -> tuple[Tensor, list[Tensor]]:
    """What slices (b, v, h, w, c) moved by ``shifts`` become over V, (b, h, w, c), without a gradient.

    For "max" also where the greatest are, (b, h w, c): counted slice by slice, pixel by pixel; of equals the first.
    """
    moved = gathered(state, shifts)
    if pooling != "max":
        return getattr(moved, pooling)(dim=1), []
    maps = moved.flatten(2, 3).permute(0, 3, 1, 2)
    values, picks = torch.ops.aten.max_pool2d_with_indices(maps, [len(shifts), 1])
    return values.permute(0, 2, 3, 1).reshape(-1, *state.shape[2:]), [picks.squeeze(2).transpose(1, 2)]


class Returned:
    """The gradients of pooled states, returned to those of the states that they were made of."""

    def __init__(
        self, gradients: Sequence[Tensor], picks: Sequence[Tensor], shifts: Sequence[Shifts], pooling: Pooling
    ) -> None:
        """Of a series of steps: what :func:`pooled` was given and gave; gradients are (b, h, w, c)."""
        self.gradients, self.shifts, self.pooling = gradients, shifts, pooling
        if picks:
            self._places = picked_places(torch.stack(list(picks)), tuple(shifts), *gradients[0].shape[1:3])

    def add(self, step: int, total: Tensor) -> None:
        """Add a step's to ``total`` (b, v, h, w, c), in place."""
        gradient = self.gradients[step]
        if self.pooling == "max":  # each number of the pooled state is one of the state's
            total.put_(self._places[step].view_as(gradient), gradient, accumulate=True)
            return
        share = gradient[:, None] / len(self.shifts[step]) if self.pooling == "mean" else gradient[:, None]
        total.add_(gathered(share, opposite(self.shifts[step])))


def picked_places(picks: Tensor, shifts: tuple[Shifts, ...], height: int, width: int) -> Tensor:
    """Where the numbers that were picked (t, b, h w, c) stand in the states (b, v, h, w, c), counted one by one."""
    steps, batch, _, channels = picks.shape
    places = first_channels(shifts, height, width, channels, picks.device).gather(1, picks.view(steps, -1))
    size = len(shifts[0]) * height * width * channels
    return places.view_as(picks).add_(firsts(batch, size, channels, picks.device))


@lru_cache(maxsize=64)
def first_channels(shifts: tuple[Shifts, ...], height: int, width: int, channels: int, device: torch.device) -> Tensor:
    """Where the first channels of moved slices' pixels stand in a state (v, h, w, c): (t, v h w)."""
    host = torch.device("cpu")
    return (torch.stack([source_places(one, height, width, True, host) for one in shifts]) * channels).to(device)


@lru_cache(maxsize=64)
def firsts(batch: int, size: int, channels: int, device: torch.device) -> Tensor:
    """What is added to a place of the first state to get that of any state and channel: (b, 1, c)."""
    return (torch.arange(batch)[:, None, None] * size + torch.arange(channels)).to(device)
