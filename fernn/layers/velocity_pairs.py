"""Convolutions whose channels are pairs (u, v) of velocity components, which commute with uniform motion or magnitude.

Channels may also be states (u, v, T) with a scalar, as the published layers may be given any number of channels a frame
(um_dim). Each component has a mean and a range of its own, so that the scalar's zero and unit are free as well.

Uniform motion is w -> w + c. The published layer cuts its input into k x k blocks, subtracts from each block its
mean velocity mu, convolves, and adds mu to the result. Cutting is not needed: mu is linear in the input, so that

    W * (x - mu) = (W - mean W) * x

where the mean of W is taken over everything that mu is a mean of. One plain convolution with a centred kernel, and
one box filter of two channels, are the whole layer.

Magnitude is w -> s w, s > 0. Its published layer divides every block by its range r (largest less smallest value of a
component, over the block's pixels and all pairs), convolves, and multiplies by r again. A block's r is constant, so
that for the components c

    W * (x / r) = sum_c (W_c * x_c) / r_c        r_c = maxpool(max x_c) + maxpool(max -x_c)

Source: Wang, Walters and Yu, "Incorporating Symmetry into Deep Dynamics Models for Improved Generalization",
ICLR 2021, section 3.
"""

from functools import reduce

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SMALLEST_RANGE = 1e-6
"""Of a picture's largest absolute value, added to every range, so that a constant block can be divided.

(The published layer adds 1e-6 itself, and so keeps the law only while ranges are far above that.)
"""


class PairConvolution(nn.Module):
    """A convolution of pairs (u, v), or of states, with bias that keeps the size at stride 1, and the ReLU after it.

    Where the kernel is even, one pixel more is added behind than before. A symmetry derives from it.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 3,
        *,
        stride: int = 1,
        activation: bool = True,
        components: int = 2,
    ) -> None:
        """Raises ValueError for channels that are not whole sets of ``components``."""
        super().__init__()
        for name, count in (("in_channels", in_channels), ("out_channels", out_channels)):
            if count < components or count % components:
                raise ValueError(f"{name} must be a multiple of {components}, the components of a field, got {count}")
        self.convolution = nn.Conv2d(in_channels, out_channels, kernel_size, stride)
        self.activation, self.components = activation, components
        self.padding = ((kernel_size - 1) // 2, kernel_size // 2)

    def padded(self, maps: Tensor) -> Tensor:
        """Maps (b, in, h, w) with their border replicated."""
        return F.pad(maps, self.padding * 2, mode="replicate")

    def sets_of(self, maps: Tensor) -> Tensor:
        """Maps (b, 2n, ...) as n pairs (b, n, 2, ...), or likewise as n states."""
        return maps.unflatten(1, (-1, self.components))

    def activated(self, maps: Tensor) -> Tensor:
        """The maps after the ReLU, if there is one."""
        return F.relu(maps) if self.activation else maps


class UniformMotionConvolution(PairConvolution):
    """y = ReLU(W * (x - mu) + b) + mu with local means mu of both components; the border is replicated."""

    restores_mean = True

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (b, out, h', w') of maps (b, in, h, w)."""
        padded = self.padded(maps)
        convolved = self.activated(F.conv2d(padded, self.kernel(), self.convolution.bias, self.convolution.stride))
        if not self.restores_mean:
            return convolved
        return (self.sets_of(convolved) + self.local_mean(padded)[:, None]).flatten(1, 2)

    def kernel(self) -> Tensor:
        """The kernel (out, in, k, k) whose sum over each component's channels and pixels is 0."""
        sets = self.sets_of(self.convolution.weight)
        return (sets - sets.mean(dim=(1, 3, 4), keepdim=True)).flatten(1, 2)

    def local_mean(self, padded: Tensor) -> Tensor:
        """The mean (b, c, h', w') of each of c components in every block, over its pixels and all sets."""
        return F.avg_pool2d(self.sets_of(padded).mean(dim=1), self.convolution.kernel_size, self.convolution.stride)


class UniformMotionDeviation(UniformMotionConvolution):
    """y = ReLU(W * (x - mu) + b), for a sum with a field that has mu."""

    restores_mean = False


class MagnitudeConvolution(PairConvolution):
    """y = ReLU(W * (x / r) + b) r with local ranges r of both components; the border is replicated."""

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (b, out, h', w') of maps (b, in, h, w)."""
        padded = self.padded(maps)
        ranges = self.local_range(padded)
        return (self.sets_of(self.activated(self._convolved(padded, ranges))) * ranges[:, None]).flatten(1, 2)

    def local_range(self, padded: Tensor) -> Tensor:
        """The range (b, c, h', w') of each of c components in every block, over its pixels and all sets."""
        sets = self.sets_of(padded)
        extremes = torch.cat([sets.amax(dim=1), -sets.amin(dim=1)], dim=1)
        largest, smallest = F.max_pool2d(extremes, self.convolution.kernel_size, self.convolution.stride).chunk(2, 1)
        least = SMALLEST_RANGE * extremes.amax(dim=(1, 2, 3), keepdim=True)
        return largest + smallest + least.clamp_min(torch.finfo(padded.dtype).tiny)

    def _convolved(self, padded: Tensor, ranges: Tensor) -> Tensor:
        layer, step = self.convolution, self.components
        parts = [
            F.conv2d(padded[:, c::step], layer.weight[:, c::step], None, layer.stride) / ranges[:, c : c + 1]
            for c in range(step)
        ]
        assert layer.bias is not None
        return reduce(torch.add, parts) + layer.bias[:, None, None]
