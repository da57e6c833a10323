"""Recurrent cells whose hidden state has one slice for every velocity, FERNN and G-RNN+, and how slices are pooled."""

from collections import deque
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor, nn
from torch.amp.autocast_mode import is_autocast_available

from fernn.flows import Flow
from fernn.flows.periodic import Shifts, shift_pixels
from fernn.layers import moving_frame
from fernn.layers.convolution import CircularConvolution, Convolution
from fernn.layers.learned_kernels import advance_learned, spread
from fernn.layers.moving_frame import Activation, advance, channels_last, pixels_last
from fernn.layers.recurrence import advance_along

Pooling = Literal["max", "mean", "sum"]


class FERNNCell(nn.Module):
    """The flow equivariant recurrent layer.

        h_t(v) = act(u_t + W * psi_1(v) h_{t-1}(v)),      h_{-1} = 0,      for every v in V

    with a convolution W that commutes with the flow, shared by all slices. If a clip drifts with velocity w, its
    states follow: h[psi(w) f]_t(v) = psi_t(w) h[f]_t(v - w), exact wherever v - w is in V and the inputs u
    are equivariant themselves. With V = {0} this is the G-RNN.

    Where the flow is a shift, it is computed in the moving frame g_t(v) = psi_{-t}(v) h_t(v), in which the
    convolution commutes with the flow and no hidden map is ever shifted:

        g_0 = act(u_0)      g_t(v) = act(psi_{-t}(v) u_t + W * g_{t-1}(v))

    A flow that interpolates is applied to the state at every step, as the published code does.

    Source: Keller, "Flow Equivariant Recurrent Neural Networks", 2025, section 4.
    """

    def __init__(self, flow: Flow, convolution: "Convolution", activation: Activation = "tanh") -> None:
        super().__init__()
        self.flow = flow
        self.convolution = convolution
        self.activation = activation

    def states(self, inputs: Tensor) -> Iterator[Tensor]:
        """h_t for t = 0, 1, ... as (v, b, c, h, w).

        ``inputs`` u is (t, 1, b, c, h, w), the same for every velocity, or (t, v, b, c, h, w).
        """
        for time, state in enumerate(self._frames(inputs)):
            yield self.hidden(state, time)

    def last_state(self, inputs: Tensor) -> Tensor:
        """h_{T-1} as (v, b, c, h, w); ``inputs`` as in :meth:`states`."""
        one_by_one = self.flow.shifts(0) is None or moving_frame.KERNELS is not None or len(inputs) == 1
        last = deque(self._frames(inputs), maxlen=1).pop() if one_by_one else self._last_frame(inputs)
        return self.hidden(last, len(inputs) - 1)

    def _last_frame(self, inputs: Tensor) -> Tensor:
        """The last state in the moving frame, all steps but the first in one function."""
        kernel, shifts = self.kernel(), shifts_along(self.flow, len(inputs))  # type: ignore[arg-type]
        (first,), others = channels_last(inputs.to(kernel.dtype)).split([1, len(inputs) - 1])
        state = advance(None, kernel, first, shifts[0], self.activation)
        return advance_along(state, kernel, others, shifts[1:], self.activation)

    def _frames(self, inputs: Tensor) -> Iterator[Tensor]:
        state, kernel = None, self.kernel()
        for time, drive in enumerate(inputs):
            state = self.step(state, time, drive, kernel)
            yield state

    def kernel(self) -> Tensor:
        """The convolution's kernel, made once for all steps, in the precision and layout that these compute in."""
        kernel = self.convolution.kernel()
        if self.flow.shifts(0) is None:
            return kernel
        return kernel.to(computed_in(kernel), memory_format=torch.channels_last)

    def step(self, state: Tensor | None, time: int, drive: Tensor, kernel: Tensor) -> Tensor:
        """The state at ``time`` from the one before (None: zero) and u_time, in the form that it is computed in.

        ``kernel`` is that of :meth:`kernel`. :meth:`hidden` makes h of the state, which in the moving frame is g as
        (b, v, h, w, c), one slice where all are still alike.
        """
        shifts = self.flow.shifts(-time)
        if shifts is not None:
            before = None if state is None else state.to(kernel.dtype)
            return advance(before, kernel, channels_last(drive), shifts, self.activation)
        if state is None:
            return getattr(torch, self.activation)(drive)
        carried = convolve_slices(self.convolution, self.flow.act_slices(state), kernel)
        return getattr(torch, f"{self.activation}_")(carried + drive)

    def hidden(self, state: Tensor, time: int) -> Tensor:
        """h_time as (v, b, c, h, w) of a state in the form that it is computed in."""
        shifts = self.flow.shifts(time)
        if shifts is not None:
            return pixels_last(shift_pixels(state, shifts)).expand(len(shifts), -1, -1, -1, -1)
        return state.expand(len(self.flow.velocities), *state.shape[1:])


class LearnedKernels(nn.Module):
    """One learned kernel K_v of (height, width) for every slice, shared by all channels."""

    def __init__(self, num_kernels: int, height: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(num_kernels, 1, height, width))
        nn.init.normal_(self.weight, std=(height * width) ** -0.5)  # Kaiming, fan out, linear


class LearnedKernelCell(nn.Module):
    """The recurrent layer of G-RNN+: a FERNN layer whose flow is replaced by learned kernels.

        h_t(v) = tanh(u_t + W * K_v * h_{t-1}(v)),      h_{-1} = 0,      v = 1 .. num_kernels

    It has the capacity of a FERNN but has to learn the motion; layers share the kernels.
    Source: Keller, 2025, section 5.2.
    """

    def __init__(self, kernels: LearnedKernels, channels: int, kernel_size: int = 3) -> None:
        super().__init__()
        self.convolution = CircularConvolution(channels, channels, kernel_size)
        self.kernels = kernels

    def states(self, inputs: Tensor) -> Iterator[Tensor]:
        """h_t for t = 0, 1, ... as (v, b, c, h, w), v = 1 where all slices are still alike.

        ``inputs`` u is (t, 1, b, c, h, w), the same for every slice, or (t, v, b, c, h, w).
        """
        for state in self._frames(inputs):
            yield pixels_last(state)

    def last_state(self, inputs: Tensor) -> Tensor:
        """h_{T-1} as (v, b, c, h, w)."""
        return deque(self.states(inputs), maxlen=1).pop()

    def _frames(self, inputs: Tensor) -> Iterator[Tensor]:
        dtype = computed_in(self.kernels.weight)
        kernel = self.convolution.kernel().to(dtype, memory_format=torch.channels_last)
        learned = self.kernels.weight.to(dtype)
        of_channels = spread(learned, len(kernel))
        first, *others = inputs.permute(0, 2, 1, 4, 5, 3).contiguous()
        state = torch.tanh(first)
        yield state
        for drive in others:
            state = advance_learned(state.to(dtype), learned, of_channels, kernel, drive)
            yield state


@lru_cache(maxsize=64)
def shifts_along(flow: Flow, steps: int) -> tuple[Shifts, ...]:
    """How the drives of so many steps are moved into the moving frame."""
    return tuple(tuple(flow.shifts(-time) or ()) for time in range(steps))


def computed_in(weights: Tensor) -> torch.dtype:
    """The precision of a convolution with these weights: autocast's where it is on, but for float64."""
    device = weights.device.type
    is_cast = is_autocast_available(device) and torch.is_autocast_enabled(device) and weights.dtype != torch.float64
    return torch.get_autocast_dtype(device) if is_cast else weights.dtype


def convolve_slices(convolution: Convolution, slices: Tensor, kernel: Tensor) -> Tensor:
    """The same convolution applied to every slice (v, b, c, h, w)."""
    return convolution(slices.flatten(0, 1), kernel).unflatten(0, slices.shape[:2])


def pool_velocities(state: Tensor, pooling: Pooling = "max") -> Tensor:
    """Maximum, mean or sum over V of a hidden state (v, b, c, h, w): (b, c, h, w).

    A drift of the input permutes the slices, so that each only moves with the picture. This holds nearly, not exactly:
    V is finite, and slices leave at one edge and enter at the other.
    """
    return state.max(dim=0).values if pooling == "max" else getattr(state, pooling)(dim=0)
