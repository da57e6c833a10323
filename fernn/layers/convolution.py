"""Convolutions whose kernel is made once and used at every time step; periodic and zero-padded ones."""

from typing import Literal, Protocol

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
