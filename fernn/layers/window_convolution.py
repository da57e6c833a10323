"""Convolutions over a short window of maps and the plane."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


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
