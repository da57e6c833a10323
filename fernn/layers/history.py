"""The past states of a recurrent cell, which attention recalls: every state is written once and never copied."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable


class History:
    """The states of all steps so far as tokens, one for each place of each map, the first state being zero.

    It has room for a known number of states. A new state is written behind the others, and attention reads all of them
    in place. Over T steps T states are written; concatenating them at every step would copy T^2 / 2 of them, and keep
    every copy for the gradients.
    """

    def __init__(self, first: Tensor, num_states: int) -> None:
        """Room for ``num_states`` states like ``first`` (b, c, l, h, w), zero but for those appended, with one zero."""
        places = first[0, 0].numel()
        self._room = first.new_zeros(len(first), num_states * places, first.shape[1])
        self._tokens = self._room.detach()[:, :places]

    @property
    def tokens(self) -> Tensor:
        """All states so far (b, n, c)."""
        return self._tokens

    def append(self, state: Tensor) -> None:
        """Add a state (b, c, l, h, w); raises ValueError where no room is left."""
        fresh = to_tokens(state).to(self._room.dtype)
        if self._tokens.shape[1] + fresh.shape[1] > self._room.shape[1]:
            raise ValueError(f"the history has room for {self._room.shape[1]} tokens: make it with more states")
        self._tokens = _Append.apply(self._tokens, fresh, self._room)

    def recall(self, queries: Tensor) -> Tensor:
        """softmax(q K^T) K of queries (b, c, l, h, w) on all tokens K, with one head and without a scale."""
        asked = to_tokens(queries).to(self._room.dtype)[:, None]
        known = self._tokens[:, None]
        found = F.scaled_dot_product_attention(asked, known, known, scale=1.0)[:, 0]
        return found.unflatten(1, queries.shape[2:]).permute(0, 4, 1, 2, 3)


def to_tokens(maps: Tensor) -> Tensor:
    """One token (c) for each place of maps (b, c, l, h, w), the window slowest: (b, l * h * w, c)."""
    return maps.permute(0, 2, 3, 4, 1).flatten(1, 3)


class _Append(torch.autograd.Function):
    """Tokens behind others, in the room where both lie.

    The room is written behind autograd's back. That is sound because no token is ever written twice: what attention
    has kept for its gradient stays as it was.
    """

    @staticmethod
    def forward(ctx: Any, past: Tensor, fresh: Tensor, room: Tensor) -> Tensor:
        ctx.num_past = past.shape[1]
        whole = room.data
        last = ctx.num_past + fresh.shape[1]
        whole[:, ctx.num_past : last] = fresh
        return whole[:, :last].data

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        return gradient[:, : ctx.num_past], gradient[:, ctx.num_past :], None
