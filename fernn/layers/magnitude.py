"""Convolutions of velocity fields that commute with magnitude: w -> s w, s > 0.

Channels come in pairs (u, v). The published layer divides every k x k block by its range r (largest less smallest
value of a component, over the block's pixels and all pairs), convolves, and multiplies by r again. Nothing need be
cut into blocks: r is constant in a block and a convolution is linear, so that for the components c

    W * (x / r) = sum_c (W_c * x_c) / r_c        r_c = maxpool(max x_c) + maxpool(max -x_c)

Source: Wang, Walters and Yu, ICLR 2021, section 3.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fernn.layers.uniform_motion import COMPONENTS, require_pairs

SMALLEST_RANGE = 1e-6
"""Of a picture's largest absolute value, added to every range, so that a constant block can be divided.

(The published layer adds 1e-6 itself, and so keeps the law only while ranges are far above that.)
"""


class MagnitudeConvolution(nn.Module):
    """y = ReLU(W * (x / r) + b) r with local ranges r of both components; the border is replicated."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 3,
        *,
        stride: int = 1,
        activation: bool = True,
        padding: tuple[int, int] | None = None,
    ) -> None:
        """``padding`` says how many pixels are added before and behind, by default those that keep the size."""
        super().__init__()
        require_pairs(in_channels=in_channels, out_channels=out_channels)
        self.convolution = nn.Conv2d(in_channels, out_channels, kernel_size, stride)
        self.activation = activation
        self.padding = padding or (kernel_size // 2, kernel_size // 2)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (b, out, h', w') of maps (b, in, h, w)."""
        padded = F.pad(maps, self.padding * 2, mode="replicate")
        ranges = self.local_range(padded)
        found = self._convolved(padded, ranges)
        if self.activation:
            found = F.relu(found)
        return (found.unflatten(1, (-1, COMPONENTS)) * ranges[:, None]).flatten(1, 2)

    def local_range(self, padded: Tensor) -> Tensor:
        """The range (b, 2, h', w') of each component in every block, over its pixels and all pairs."""
        pairs = padded.unflatten(1, (-1, COMPONENTS))
        extremes = torch.cat([pairs.amax(dim=1), -pairs.amin(dim=1)], dim=1)
        largest, smallest = F.max_pool2d(extremes, self.convolution.kernel_size, self.convolution.stride).chunk(2, 1)
        least = SMALLEST_RANGE * extremes.amax(dim=(1, 2, 3), keepdim=True)
        return largest + smallest + least.clamp_min(torch.finfo(padded.dtype).tiny)

    def _convolved(self, padded: Tensor, ranges: Tensor) -> Tensor:
        layer = self.convolution
        parts = [
            F.conv2d(padded[:, c::COMPONENTS], layer.weight[:, c::COMPONENTS], None, layer.stride)
            / ranges[:, c : c + 1]
            for c in range(COMPONENTS)
        ]
        assert layer.bias is not None
        return parts[0] + parts[1] + layer.bias[:, None, None]


class MagnitudeUpsampling(nn.Module):
    """Twice the height and width: every pixel four times, then a 4 x 4 convolution that commutes with magnitude."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.layer = MagnitudeConvolution(in_channels, out_channels, 4, padding=(1, 2))

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (b, out, 2h, 2w) of maps (b, in, h, w)."""
        return self.layer(F.interpolate(maps, scale_factor=2.0, mode="nearest"))
