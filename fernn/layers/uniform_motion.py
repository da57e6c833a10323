"""Convolutions of velocity fields that commute with uniform motion: w -> w + c.

Channels come in pairs (u, v). The published layer cuts its input into k x k blocks, subtracts from each block its
mean velocity mu, convolves, and adds mu to the result. Nothing need be cut: mu is linear in the input, so that

    W * (x - mu) = (W - mean W) * x

where the mean of W is taken over everything that mu is a mean of. One plain convolution with a centred kernel, and
one box filter of two channels, are the whole layer.
Source: Wang, Walters and Yu, "Incorporating Symmetry into Deep Dynamics Models for Improved Generalization",
ICLR 2021, section 3.
"""

import torch.nn.functional as F
from torch import Tensor, nn

COMPONENTS = 2
"""u and v."""


class UniformMotionConvolution(nn.Module):
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
        padding: tuple[int, int] | None = None,
    ) -> None:
        """``restores_mean`` False: y without mu, which a sum with a field that has it needs.

        ``padding`` says how many pixels are added before and behind, by default those that keep the size.
        """
        super().__init__()
        require_pairs(in_channels=in_channels, out_channels=out_channels)
        self.convolution = nn.Conv2d(in_channels, out_channels, kernel_size, stride)
        self.activation, self.restores_mean = activation, restores_mean
        self.padding = padding or (kernel_size // 2, kernel_size // 2)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (b, out, h', w') of maps (b, in, h, w)."""
        padded = F.pad(maps, self.padding * 2, mode="replicate")
        found = F.conv2d(padded, self.kernel(), self.convolution.bias, self.convolution.stride)
        if self.activation:
            found = F.relu(found)
        return add_to_pairs(found, self.local_mean(padded)) if self.restores_mean else found

    def kernel(self) -> Tensor:
        """The kernel (out, in, k, k) whose sum over each component's channels and pixels is 0."""
        pairs = self.convolution.weight.unflatten(1, (-1, COMPONENTS))
        return (pairs - pairs.mean(dim=(1, 3, 4), keepdim=True)).flatten(1, 2)

    def local_mean(self, padded: Tensor) -> Tensor:
        """The mean velocity (b, 2, h', w') of every block, over its pixels and all pairs."""
        means = padded.unflatten(1, (-1, COMPONENTS)).mean(dim=1)
        return F.avg_pool2d(means, self.convolution.kernel_size, self.convolution.stride)


class UniformMotionUpsampling(nn.Module):
    """Twice the height and width: every pixel four times, then a 4 x 4 convolution that commutes with motion."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.layer = UniformMotionConvolution(in_channels, out_channels, 4, padding=(1, 2))

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (b, out, 2h, 2w) of maps (b, in, h, w)."""
        return self.layer(F.interpolate(maps, scale_factor=2.0, mode="nearest"))


def add_to_pairs(maps: Tensor, velocity: Tensor) -> Tensor:
    """Maps (b, 2n, h, w) with a velocity (b, 2, h, w) added to each of their n pairs."""
    return (maps.unflatten(1, (-1, COMPONENTS)) + velocity[:, None]).flatten(1, 2)


def require_pairs(**channels: int) -> None:
    """ValueError for channels that are not pairs (u, v)."""
    for name, count in channels.items():
        if count < COMPONENTS or count % COMPONENTS:
            raise ValueError(f"{name} must be even and 2 or more, as pairs (u, v) are, got {count}")
