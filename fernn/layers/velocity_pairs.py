"""Convolutions whose channels are pairs (u, v) of velocity components, with the border replicated."""

import torch.nn.functional as F
from torch import Tensor, nn

COMPONENTS = 2
"""u and v."""


class PairConvolution(nn.Module):
    """A convolution of pairs (u, v) with bias that keeps the size at stride 1, and the ReLU after it.

    Where the kernel is even, one pixel more is added behind than before. A symmetry derives from it.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int = 3, *, stride: int = 1, activation: bool = True
    ) -> None:
        """Raises ValueError for channels that are not pairs."""
        super().__init__()
        for name, count in (("in_channels", in_channels), ("out_channels", out_channels)):
            if count < COMPONENTS or count % COMPONENTS:
                raise ValueError(f"{name} must be even and 2 or more, as pairs (u, v) are, got {count}")
        self.convolution = nn.Conv2d(in_channels, out_channels, kernel_size, stride)
        self.activation = activation
        self.padding = ((kernel_size - 1) // 2, kernel_size // 2)

    def padded(self, maps: Tensor) -> Tensor:
        """Maps (b, in, h, w) with their border replicated."""
        return F.pad(maps, self.padding * 2, mode="replicate")

    def activated(self, maps: Tensor) -> Tensor:
        """The maps after the ReLU, if there is one."""
        return F.relu(maps) if self.activation else maps


def pairs_of(maps: Tensor) -> Tensor:
    """Maps (b, 2n, ...) as n pairs (b, n, 2, ...)."""
    return maps.unflatten(1, (-1, COMPONENTS))
