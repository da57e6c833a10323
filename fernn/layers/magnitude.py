"""Convolutions of velocity fields that commute with magnitude: w -> s w, s > 0.

Channels come in pairs (u, v). The published layer divides every k x k block by its range r (largest less smallest
value of a component, over the block's pixels and all pairs), convolves, and multiplies by r again. Cutting is
not needed: r is constant in a block and a convolution is linear, so that for the components c

    W * (x / r) = sum_c (W_c * x_c) / r_c        r_c = maxpool(max x_c) + maxpool(max -x_c)

Source: Wang, Walters and Yu, ICLR 2021, section 3.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from fernn.layers.velocity_pairs import COMPONENTS, PairConvolution, pairs_of

SMALLEST_RANGE = 1e-6
"""Of a picture's largest absolute value, added to every range, so that a constant block can be divided.

(The published layer adds 1e-6 itself, and so keeps the law only while ranges are far above that.)
"""


class MagnitudeConvolution(PairConvolution):
    """y = ReLU(W * (x / r) + b) r with local ranges r of both components; the border is replicated."""

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (b, out, h', w') of maps (b, in, h, w)."""
        padded = self.padded(maps)
        ranges = self.local_range(padded)
        return (pairs_of(self.activated(self._convolved(padded, ranges))) * ranges[:, None]).flatten(1, 2)

    def local_range(self, padded: Tensor) -> Tensor:
        """The range (b, 2, h', w') of each component in every block, over its pixels and all pairs."""
        pairs = pairs_of(padded)
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
