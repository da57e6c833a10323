"""The recurrent cell of E3D-LSTM: a convolutional LSTM over a window of maps that recalls all its past states."""

import torch
from torch import Tensor, nn

from fernn.layers.history import History
from fernn.layers.window_convolution import Kernel, MapNorm, WindowConvolution

FORGET_BIAS = 1.0


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

    Maps of zeros are not convolved: what they give is the bias, at every place.
    Source: Wang et al., "Eidetic 3D LSTM: A Model for Video Prediction and Beyond", ICLR 2019, and its code, whose
    output gate goes through tanh, and then through a sigmoid.
    """

    def __init__(self, in_channels: int, channels: int, kernel: tuple[int, int, int]) -> None:
        super().__init__()
        self.channels = channels
        self.from_inputs = WindowConvolution(in_channels, 7 * channels, kernel)
        self.from_hidden = WindowConvolution(channels, 4 * channels, kernel)
        self.from_memory = WindowConvolution(channels, 4 * channels, kernel)
        self.from_cell = WindowConvolution(channels, channels, kernel)
        self.from_new_memory = WindowConvolution(channels, channels, kernel)
        self.joined = WindowConvolution(2 * channels, channels, (1, 1, 1))
        self.norm_inputs, self.norm_hidden = MapNorm(7 * channels), MapNorm(4 * channels)
        self.norm_memory, self.norm_cell = MapNorm(4 * channels), MapNorm(channels)

    def begin(self, num_steps: int) -> "EideticPass":
        """The cell before the first of ``num_steps`` steps."""
        return EideticPass(self, num_steps)


class EideticPass:
    """A cell reading one clip: its kernels, made once, and the states that it carries from step to step."""

    def __init__(self, cell: EideticCell, num_steps: int) -> None:
        self._cell, self._num_steps = cell, num_steps
        self._inputs, self._hidden = cell.from_inputs.kernel(), cell.from_hidden.kernel()
        self._memory, self._joined = cell.from_memory.kernel(), cell.joined.kernel()
        self._gate = cell.from_cell.kernel().beside(cell.from_new_memory.kernel())
        self._states: tuple[Tensor, Tensor] | None = None
        self._history: History | None = None

    def step(self, inputs: Tensor, memory: Tensor | None) -> tuple[Tensor, Tensor]:
        """The new hidden state and the new memory; ``memory`` None is zero."""
        cell, width = self._cell, self._cell.channels
        gates, fresh = cell.norm_inputs(self._inputs(inputs)).split([4 * width, 3 * width], dim=1)
        before = None if self._states is None else self._states[0]
        i, g, r, o = (gates + normed(self._hidden, cell.norm_hidden, before)).chunk(4, dim=1)
        state = self._recalled(torch.sigmoid(r)) + torch.sigmoid(i) * torch.tanh(g)
        remembered = self._remembered(fresh, memory)
        both = torch.cat([state, remembered], dim=1)
        hidden = torch.tanh(self._joined(both)) * torch.sigmoid(torch.tanh(o + self._gate(both)))
        self._states = hidden, state
        return hidden, remembered

    def _recalled(self, queries: Tensor) -> Tensor:
        """The cell and what it recalls, normalised; at the first step all that is zero."""
        norm = self._cell.norm_cell
        if self._states is None:
            return norm.bias.view(1, -1, 1, 1, 1)
        state = self._states[1]
        if self._history is None:
            self._history = History(state, self._num_steps)
        self._history.append(state)
        recalled: Tensor = norm(state + self._history.recall(queries))
        return recalled

    def _remembered(self, fresh: Tensor, memory: Tensor | None) -> Tensor:
        """The new memory."""
        i_m, f_m, g_m, kept = normed(self._memory, self._cell.norm_memory, memory).chunk(4, dim=1)
        i, g, f = fresh.chunk(3, dim=1)
        forget = torch.sigmoid(f + f_m + FORGET_BIAS)
        return forget * torch.tanh(kept) + torch.sigmoid(i + i_m) * torch.tanh(g + g_m)


def normed(kernel: Kernel, norm: MapNorm, maps: Tensor | None) -> Tensor:
    """The convolved maps, normalised; of zeros (1, c, 1, 1, 1), since all places are alike."""
    found: Tensor = norm(kernel.of_zeros() if maps is None else kernel(maps))
    return found
