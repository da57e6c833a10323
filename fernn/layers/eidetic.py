"""The recurrent cell of E3D-LSTM: a convolutional LSTM over a window of maps, which recalls all its past states."""

from functools import partial
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

FORGET_BIAS = 1.0
MapNorm = partial(nn.GroupNorm, 1, eps=1e-12)
"""Layer normalisation of maps (b, c, ...): statistics over all axes but the first, gain and shift by channel.

The variance is raised by 1e-12, as TensorFlow's ``contrib.layers.layer_norm`` does.
"""


class Kernel(NamedTuple):
    """A kernel (out, in, d, k, k) in d slices, and a bias (out)."""

    slices: list[Tensor]
    bias: Tensor

    def __call__(self, maps: Tensor) -> Tensor:
        """Maps (b, out, l, h, w) of maps (b, in, l, h, w)."""
        window, before = maps.shape[2], (len(self.slices) - 1) // 2
        convolved = convolve_planes(maps, self.slices[before], self.bias)
        for shift, part in enumerate(self.slices, start=-before):
            if shift and abs(shift) < window:
                first, last = max(0, -shift), min(window, window - shift)
                convolved[:, :, first:last].add_(convolve_planes(maps[:, :, first + shift : last + shift], part))
        return convolved

    def beside(self, other: "Kernel") -> "Kernel":
        """The kernel that gives of maps behind each other the sum of what both give."""
        slices = [torch.cat(pair, dim=1) for pair in zip(self.slices, other.slices, strict=True)]
        return Kernel(slices, self.bias + other.bias)


def convolve_planes(maps: Tensor, kernel: Tensor, bias: Tensor | None = None) -> Tensor:
    """Every map of the window convolved with a kernel (out, in, k, k)."""
    planes, (rows, columns) = maps.transpose(1, 2).flatten(0, 1), kernel.shape[-2:]
    padding = rows // 2, columns // 2
    if rows % 2 == 0 or columns % 2 == 0:
        planes = F.pad(planes, ((columns - 1) // 2, columns // 2, (rows - 1) // 2, rows // 2))
        padding = 0, 0
    return F.conv2d(planes, kernel, bias, padding=padding).unflatten(0, (len(maps), -1)).transpose(1, 2)


class WindowConvolution(nn.Module):
    """A 3-D convolution with bias that keeps the size (window, height, width), zeros beyond the border.

    Where the kernel is even, the padding is one larger behind than before, as TensorFlow's "same" has it: a kernel of
    depth 2 takes a map and the one after it. A kernel slice is a plane convolution of just those maps that it meets,
    so that no zeros are multiplied: with depth 2 on a window of 2 three quarters of the products. Initial weights are
    uniform after Glorot, biases 0.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: tuple[int, int, int]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, *kernel))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        nn.init.xavier_uniform_(self.weight)

    def kernel(self) -> Kernel:
        """The kernel as it is used at every step of a clip: its slices, each as it lies in memory, and the bias."""
        return Kernel([part.contiguous() for part in self.weight.unbind(2)], self.bias)


class EideticCell(nn.Module):
    """One step of the eidetic 3-D LSTM, on maps (b, c, l, h, w) of a window of l frames.

    With x the input, h the hidden state, c the cell, C its history and m the memory that layers hand on, where *
    convolves with kernel (d, k, k) and LN is layer normalisation:

        (i, g, r, o)    = LN(W_x * x)[:4] + LN(W_h * h)                i, r by a sigmoid, g by tanh
        c'              = LN(c + softmax(r C^T) C) + i g               over tokens (window, height, width), unscaled
        (i_m, f_m, g_m) = LN(W_x * x)[4:] + LN(W_m * m)[:3],   with z = LN(W_m * m)[3]
        m'              = sigmoid(f_m + 1) tanh(z) + sigmoid(i_m) tanh(g_m)
        o               = tanh(o + W_c * c' + W_n * m')
        h'              = tanh(W_1 [c', m']) sigmoid(o)                W_1 of size 1

    Without ``recalls`` there is no C: c' = LN(c) + i g, and r only has its share in the normalisation. Maps of zeros
    are not convolved: what they give is the bias, at every place.
    Source: Wang et al., "Eidetic 3D LSTM: A Model for Video Prediction and Beyond", ICLR 2019, and its code, whose
    output gate goes through tanh, and then through a sigmoid.
    """

    def __init__(self, in_channels: int, channels: int, kernel: tuple[int, int, int], *, recalls: bool = True) -> None:
        super().__init__()
        self.channels, self.recalls = channels, recalls
        self.from_inputs = WindowConvolution(in_channels, 7 * channels, kernel)
        self.from_hidden = WindowConvolution(channels, 4 * channels, kernel)
        self.from_memory = WindowConvolution(channels, 4 * channels, kernel)
        self.from_cell = WindowConvolution(channels, channels, kernel)
        self.from_new_memory = WindowConvolution(channels, channels, kernel)
        self.joined = WindowConvolution(2 * channels, channels, (1, 1, 1))
        self.norm_inputs, self.norm_hidden = MapNorm(7 * channels), MapNorm(4 * channels)
        self.norm_memory, self.norm_cell = MapNorm(4 * channels), MapNorm(channels)


class EideticPass:
    """A cell reading one clip of a known number of steps: its kernels, made once, and the states that it carries."""

    def __init__(self, cell: EideticCell, num_steps: int) -> None:
        self._cell, self._num_steps = cell, num_steps
        self._inputs, self._hidden = cell.from_inputs.kernel(), cell.from_hidden.kernel()
        self._memory, self._joined = cell.from_memory.kernel(), cell.joined.kernel()
        self._gate = cell.from_cell.kernel().beside(cell.from_new_memory.kernel())
        self._states: tuple[Tensor | None, Tensor | None] = (None, None)
        self._history: History | None = None

    def step(self, inputs: Tensor, memory: Tensor | None) -> tuple[Tensor, Tensor]:
        """The new hidden state and the new memory; ``memory`` None is zero."""
        cell, width = self._cell, self._cell.channels
        hidden, state = self._states
        gates, memory_gates = cell.norm_inputs(self._inputs(inputs)).split([4 * width, 3 * width], dim=1)
        i, g, r, o = (gates + normed(self._hidden, cell.norm_hidden, hidden)).chunk(4, dim=1)
        state = self._recalled(state, torch.sigmoid(r)) + torch.sigmoid(i) * torch.tanh(g)
        i_m, f_m, g_m, z = normed(self._memory, cell.norm_memory, memory).chunk(4, dim=1)
        i, g, f = memory_gates.chunk(3, dim=1)
        forget = torch.sigmoid(f + f_m + FORGET_BIAS)
        memory = forget * torch.tanh(z) + torch.sigmoid(i + i_m) * torch.tanh(g + g_m)
        joined = torch.cat([state, memory], dim=1)
        hidden = torch.tanh(self._joined(joined)) * torch.sigmoid(torch.tanh(o + self._gate(joined)))
        self._states = hidden, state
        return hidden, memory

    def _recalled(self, state: Tensor | None, queries: Tensor) -> Tensor:
        """The cell and what it recalls, if anything, normalised; at the first step all that is zero."""
        norm = self._cell.norm_cell
        if state is None:
            return norm.bias.view(1, -1, 1, 1, 1)
        if not self._cell.recalls:
            return norm(state)
        if self._history is None:
            self._history = History(state, self._num_steps)
        self._history.append(state)
        return norm(state + self._history.recall(queries))


def normed(kernel: Kernel, norm: nn.GroupNorm, maps: Tensor | None) -> Tensor:
    """The convolved maps, normalised; of zeros (1, c, 1, 1, 1), since all places are alike."""
    return norm(kernel.bias.view(1, -1, 1, 1, 1) if maps is None else kernel(maps))


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
        self.tokens = self._room.detach()[:, :places]
        """All states so far (b, n, c)."""

    def append(self, state: Tensor) -> None:
        """Add a state (b, c, l, h, w); raises ValueError where no room is left."""
        added = to_tokens(state).to(self._room.dtype)
        if self.tokens.shape[1] + added.shape[1] > self._room.shape[1]:
            raise ValueError(f"the history has room for {self._room.shape[1]} tokens: make it with more states")
        self.tokens = _Append.apply(self.tokens, added, self._room)

    def recall(self, queries: Tensor) -> Tensor:
        """softmax(q K^T) K of queries (b, c, l, h, w) on all tokens K, with one head and without a scale."""
        tokens, keys = to_tokens(queries).to(self._room.dtype)[:, None], self.tokens[:, None]
        recalled = F.scaled_dot_product_attention(tokens, keys, keys, scale=1.0)[:, 0]
        return recalled.unflatten(1, queries.shape[2:]).permute(0, 4, 1, 2, 3)


def to_tokens(maps: Tensor) -> Tensor:
    """One token (c) for each place of maps (b, c, l, h, w), the window slowest: (b, l * h * w, c)."""
    return maps.permute(0, 2, 3, 4, 1).flatten(1, 3)


class _Append(torch.autograd.Function):
    """Tokens behind others, in the room where both lie.

    The room is written behind autograd's back. That is sound because no token is ever written twice: what attention
    has kept for its gradient stays as it was.
    """

    @staticmethod
    def forward(context: Any, past: Tensor, added: Tensor, room: Tensor) -> Tensor:
        context.num_past = past.shape[1]
        tokens = room.data
        last = context.num_past + added.shape[1]
        tokens[:, context.num_past : last] = added
        return tokens[:, :last].data

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        return gradient[:, : context.num_past], gradient[:, context.num_past :], None
