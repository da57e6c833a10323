"""Recurrent cells whose hidden state has one slice for every velocity: FERNN, and G-RNN+."""

from collections import deque
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fernn.flows import TranslationFlow


class FERNNCell(nn.Module):
    """The flow equivariant recurrent layer.

        h_t(v) = tanh(u_t + W * psi_1(v) h_{t-1}(v)),      h_{-1} = 0,      for every v in V

    with a circular convolution W shared by all slices. If a clip drifts with velocity w, its states
    follow: h[psi(w) f]_t(v) = psi_t(w) h[f]_t(v - w), exact wherever v - w is in V and the inputs u
    are equivariant themselves. With V = {0} this is the G-RNN.

    Computed in the moving frame g_t(v) = psi_{-t}(v) h_t(v), where the convolution commutes with the
    flow and no hidden map is ever shifted:

        g_0 = tanh(u_0)      g_t(v) = tanh(psi_{-t}(v) u_t + W * g_{t-1}(v))

    Source: Keller, "Flow Equivariant Recurrent Neural Networks", 2025, section 4.
    """

    def __init__(self, flow: TranslationFlow, channels: int, kernel_size: int = 3) -> None:
        super().__init__()
        self.flow = flow
        self.convolution = circular_convolution(channels, kernel_size)

    def states(self, inputs: Tensor) -> Iterator[Tensor]:
        """h_t for t = 0, 1, ... as (v, b, c, h, w).

        ``inputs`` u is (t, 1, b, c, h, w), the same for every velocity, or (t, v, b, c, h, w).
        """
        for time, state in enumerate(self._moving_states(inputs)):
            yield self._shift(state, time)

    def last_state(self, inputs: Tensor) -> Tensor:
        """h_{T-1} as (v, b, c, h, w); ``inputs`` as in :meth:`states`."""
        return self._shift(final(self._moving_states(inputs)), len(inputs) - 1)

    def _moving_states(self, inputs: Tensor) -> Iterator[Tensor]:
        state = torch.tanh(inputs[0])
        yield state
        for time in range(1, len(inputs)):
            drive = self._shift(inputs[time], -time)
            state = (convolve_slices(self.convolution, state) + drive).tanh_()
            yield state

    def _shift(self, slices: Tensor, time: int) -> Tensor:
        """psi_time(v) applied to each slice (v, ...), or to the one slice (1, ...) for every v."""
        velocities = self.flow.velocities
        if len(velocities) == 1:
            return self.flow.act(slices, velocities[0], time) if any(velocities[0]) else slices
        shared = len(slices) == 1
        return torch.stack([self.flow.act(slices[0 if shared else i], v, time) for i, v in enumerate(velocities)])


class LearnedKernels(nn.Module):
    """One learned kernel K_v of (height, width) for every slice, shared by all channels."""

    def __init__(self, num_kernels: int, height: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(num_kernels, 1, height, width))
        nn.init.normal_(self.weight, std=(height * width) ** -0.5)  # Kaiming, fan out, linear

    def forward(self, slices: Tensor) -> Tensor:
        """K_v * slice v, circularly, for slices (v, b, c, h, w) or one (1, b, c, h, w) for all v."""
        num_slices, batch, channels, *_ = slices.shape
        height, width = self.weight.shape[-2:]
        planes = slices.flatten(1, 2).transpose(0, 1)
        padded = F.pad(planes, (width // 2, width // 2, height // 2, height // 2), mode="circular")
        moved = F.conv2d(padded, self.weight, groups=num_slices)
        return moved.transpose(0, 1).unflatten(1, (batch, channels))


class LearnedKernelCell(nn.Module):
    """The recurrent layer of G-RNN+: a FERNN layer whose flow is replaced by learned kernels.

        h_t(v) = tanh(u_t + W * K_v * h_{t-1}(v)),      h_{-1} = 0,      v = 1 .. num_kernels

    It has the capacity of a FERNN but has to learn the motion; layers share the kernels.
    Source: Keller, 2025, section 5.2.
    """

    def __init__(self, kernels: LearnedKernels, channels: int, kernel_size: int = 3) -> None:
        super().__init__()
        self.convolution = circular_convolution(channels, kernel_size)
        self.kernels = kernels

    def states(self, inputs: Tensor) -> Iterator[Tensor]:
        """h_t for t = 0, 1, ... as (v, b, c, h, w), v = 1 where all slices are still alike.

        ``inputs`` u is (t, 1, b, c, h, w), the same for every slice, or (t, v, b, c, h, w).
        """
        state = torch.tanh(inputs[0])
        yield state
        for drive in inputs[1:]:
            # The two convolutions commute, so the state that all slices share is convolved once.
            state = (self.kernels(convolve_slices(self.convolution, state)) + drive).tanh_()
            yield state

    def last_state(self, inputs: Tensor) -> Tensor:
        """h_{T-1} as (v, b, c, h, w)."""
        return final(self.states(inputs))


def final(states: Iterator[Tensor]) -> Tensor:
    """The last of ``states``; the others are not kept."""
    return deque(states, maxlen=1).pop()


def circular_convolution(channels: int, kernel_size: int) -> nn.Conv2d:
    """The recurrent convolution: circular, without bias, as many channels out as in."""
    return nn.Conv2d(channels, channels, kernel_size, padding=kernel_size // 2, padding_mode="circular", bias=False)


def convolve_slices(convolution: nn.Conv2d, slices: Tensor) -> Tensor:
    """The same convolution applied to every slice (v, b, c, h, w)."""
    return convolution(slices.flatten(0, 1)).unflatten(0, slices.shape[:2])
