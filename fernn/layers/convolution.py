"""Convolutions whose kernel is made once for all time steps, the embedding of clips, and upsampling before a layer."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fernn.flows.periodic import pad_periodic

Padding = Literal["zeros", "circular"]


class Convolution(Protocol):
    """A convolution whose kernel is made once and used at every time step."""

    def kernel(self) -> Tensor:
        """The kernel (out, in, k, k)."""

    def __call__(self, maps: Tensor, kernel: Tensor) -> Tensor:
        """Maps (b, out, h, w) of maps (b, in, h, w)."""


class CircularConvolution(nn.Conv2d):
    """A convolution on the periodic grid, without bias: it commutes with translation flows."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int = 3) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, padding=kernel_size // 2, padding_mode="circular", bias=False
        )

    def kernel(self) -> Tensor:
        return self.weight

    def forward(self, maps: Tensor, kernel: Tensor | None = None) -> Tensor:
        """Maps (b, out, h, w) of maps (b, in, h, w)."""
        rows, columns = (size // 2 for size in self.kernel_size)
        return F.conv2d(pad_periodic(maps, rows, columns), self.weight if kernel is None else kernel)


def plane_convolution(in_channels: int, out_channels: int, kernel_size: int, padding: Padding) -> nn.Conv2d:
    """A convolution without bias that keeps the pictures' size."""
    if padding == "circular":
        return CircularConvolution(in_channels, out_channels, kernel_size)
    return nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=False)


class StepBatchNorm(nn.BatchNorm2d):
    """BatchNorm that treats every time step as a batch of its own, computed for all steps at once.

    Equal to calling ``nn.BatchNorm2d`` once per time step, in order: in training each step is
    normalised by its own mean and variance, and the running averages move T times. With momentum m
    and statistics s_1 .. s_T their value after T updates is

        r_T = (1 - m)^T r_0 + m sum_i (1 - m)^(T - i) s_i
    """

    def forward(self, frames: Tensor) -> Tensor:
        """Normalises frames (b, t, c, h, w); statistics are taken over (b, h, w)."""
        if not self.training:
            return super().forward(frames.flatten(0, 1)).view_as(frames)
        steps = frames.shape[1]
        mean, variance = self.weight.new_zeros(2, steps * self.num_features)
        weight, bias = (values.expand(steps, -1).flatten() for values in (self.weight, self.bias))
        normalised = F.batch_norm(
            frames.flatten(1, 2), mean, variance, weight, bias, training=True, momentum=1.0, eps=self.eps
        )
        self._update_running(mean.view(steps, -1), variance.view(steps, -1))
        return normalised.view_as(frames)

    @torch.no_grad()
    def _update_running(self, means: Tensor, variances: Tensor) -> None:
        steps, momentum = len(means), float(self.momentum or 0.0)
        weights = weights_of_steps(steps, momentum, means.device, means.dtype)
        assert self.running_mean is not None and self.running_var is not None
        for running, found in ((self.running_mean, means), (self.running_var, variances)):
            running.addmv_(found.t(), weights, beta=(1 - momentum) ** steps)
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(steps)


@lru_cache(maxsize=64)
def weights_of_steps(steps: int, momentum: float, device: torch.device, dtype: torch.dtype) -> Tensor:
    """What each of ``steps`` updates in a row weighs in a running average, the first one first."""
    ages = torch.arange(steps - 1, -1, -1, dtype=dtype)
    return (momentum * (1 - momentum) ** ages).to(device)


class FrameEmbedding(nn.Module):
    """Convolution, StepBatchNorm and ReLU, repeated: frames (b, t, c, h, w) to maps of the last width.

    ``padding_mode`` "zeros" is the published embedding, which is not exactly equivariant at the
    border; "circular" is.
    """

    def __init__(self, channels: Sequence[int], kernel_sizes: Sequence[int], padding_mode: Padding) -> None:
        super().__init__()
        pairs = list(zip(channels[:-1], channels[1:], kernel_sizes, strict=True))
        self.convolutions = nn.ModuleList(plane_convolution(c_in, c_out, k, padding_mode) for c_in, c_out, k in pairs)
        self.norms = nn.ModuleList(StepBatchNorm(width) for width in channels[1:])

    def forward(self, frames: Tensor) -> Tensor:
        """Maps (b, t, c', h, w) of frames (b, t, c, h, w)."""
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            maps = convolution(frames.flatten(0, 1)).unflatten(0, frames.shape[:2])
            frames = F.relu(norm(maps))
        return frames


class RepeatedUpsampling(nn.Module):
    """Every pixel four times, then ``layer``: local means stay, as uniform motion wants it."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (b, out, 2h, 2w) of maps (b, in, h, w)."""
        return self.layer(F.interpolate(maps, scale_factor=2.0, mode="nearest"))


class ZeroUpsampling(RepeatedUpsampling):
    """Zeros between the pixels, which come to even rows and columns, then ``layer``."""

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (b, out, 2h, 2w) of maps (b, in, h, w)."""
        wider = maps.new_zeros(*maps.shape[:-2], 2 * maps.shape[-2], 2 * maps.shape[-1])
        wider[..., ::2, ::2] = maps
        return self.layer(wider)
