"""Convolutions of velocity fields that commute with uniform motion: w -> w + c.

Channels come in pairs (u, v). The published layer cuts its input into k x k blocks, subtracts from each block its
mean velocity mu, convolves, and adds mu to the result. Cutting is not needed: mu is linear in the input, so that

    W * (x - mu) = (W - mean W) * x

where the mean of W is taken over everything that mu is a mean of. One plain convolution with a centred kernel, and
one box filter of two channels, are the whole layer.
Source: Wang, Walters and Yu, "Incorporating Symmetry into Deep Dynamics Models for Improved Generalization",
ICLR 2021, section 3.
"""

import torch.nn.functional as F
from torch import Tensor

from fernn.layers.velocity_pairs import PairConvolution, pairs_of


class UniformMotionConvolution(PairConvolution):
    """y = ReLU(W * (x - mu) + b) + mu with local means mu of both components; the border is replicated."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 3,
        *,
        stride: int = 1,
        activation: bool = True,
        restores_mean: bool = True,
    ) -> None:
        """``restores_mean`` False: y without mu, for a sum with a field that has mu."""
        super().__init__(in_channels, out_channels, kernel_size, stride=stride, activation=activation)
        self.restores_mean = restores_mean

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (b, out, h', w') of maps (b, in, h, w)."""
        padded = self.padded(maps)
        found = self.activated(F.conv2d(padded, self.kernel(), self.convolution.bias, self.convolution.stride))
        if not self.restores_mean:
            return found
        return (pairs_of(found) + self.local_mean(padded)[:, None]).flatten(1, 2)

    def kernel(self) -> Tensor:
        """The kernel (out, in, k, k) whose sum over each component's channels and pixels is 0."""
        pairs = pairs_of(self.convolution.weight)
        return (pairs - pairs.mean(dim=(1, 3, 4), keepdim=True)).flatten(1, 2)

    def local_mean(self, padded: Tensor) -> Tensor:
        """The mean velocity (b, 2, h', w') of every block, over its pixels and all pairs."""
        return F.avg_pool2d(pairs_of(padded).mean(dim=1), self.convolution.kernel_size, self.convolution.stride)
