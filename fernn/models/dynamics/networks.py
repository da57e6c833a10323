"""ResNet and U-Net of any symmetry's layers, and the layers on channels of the plane.

The plane's symmetries are none but translation, uniform motion, and magnitude.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from fernn.layers.convolution import RepeatedUpsampling, ZeroUpsampling
from fernn.layers.velocity_pairs import (
    MagnitudeConvolution,
    PairConvolution,
    UniformMotionConvolution,
    UniformMotionDeviation,
)


@dataclass(frozen=True)
class Parts(ABC):
    """The layers of one symmetry, with channels (for rotation: fields) as their sizes."""

    kernel_size: int
    components: int
    """Of a field: 2 of a velocity (u, v), 3 with a temperature."""

    def first(self, num_in: int, num_out: int) -> nn.Module:
        """The first layer of a residual block."""
        return self.encode(num_in, num_out, 1)

    def second(self, num_in: int, num_out: int) -> nn.Module:
        """The second layer of a residual block, to whose output the skip is added."""
        return self.first(num_in, num_out)

    def skip(self, num_in: int, num_out: int) -> nn.Module:
        """The layer from a block's input to its output's width, where the two differ."""
        return self.first(num_in, num_out)

    @abstractmethod
    def encode(self, num_in: int, num_out: int, stride: int) -> nn.Module:
        """A layer of the U-Net's encoder."""

    @abstractmethod
    def decode(self, num_in: int, num_out: int) -> nn.Module:
        """A layer of the U-Net's decoder, which doubles height and width."""

    @abstractmethod
    def resnet(self, num_frames: int, base: int) -> nn.Module:
        """The ResNet from ``num_frames`` fields to one, ``base`` the narrowest width."""

    @abstractmethod
    def unet(self, num_frames: int, base: int) -> nn.Module:
        """The U-Net from ``num_frames`` fields to one, ``base`` the width that all others are multiples of."""


class ResidualBlock(nn.Module):
    """Two layers and a skip around them, which is the identity where the width stays."""

    def __init__(self, parts: Parts, num_in: int, num_out: int) -> None:
        super().__init__()
        self.first, self.second = parts.first(num_in, num_out), parts.second(num_out, num_out)
        self.skip = nn.Identity() if num_in == num_out else parts.skip(num_in, num_out)

    def forward(self, maps: Tensor) -> Tensor:
        return self.second(self.first(maps)) + self.skip(maps)


class ResNet(nn.Sequential):
    """A lift if there is one, eight residual blocks, and an output layer."""

    def __init__(self, parts: Parts, lift: nn.Module | None, widths: Sequence[int], head: nn.Module) -> None:
        """``widths``: the blocks' input, then the output of each."""
        blocks = [ResidualBlock(parts, num_in, num_out) for num_in, num_out in pairwise(widths)]
        super().__init__(*([] if lift is None else [lift]), *blocks, head)


class UNet(nn.Module):
    """Stages that halve height and width, then layers that double them, each joined by the stage's output."""

    def __init__(self, stages: Sequence[nn.Module], ups: Sequence[nn.Module], head: nn.Module) -> None:
        super().__init__()
        self.stages, self.ups, self.head = nn.ModuleList(stages), nn.ModuleList(ups), head

    def forward(self, maps: Tensor) -> Tensor:
        """The field predicted from maps whose height and width are multiples of 2 to the number of stages."""
        across = [maps]
        for stage in self.stages:
            across.append(stage(across[-1]))
        maps = across.pop()
        for up in self.ups:
            maps = torch.cat([across.pop(), up(maps)], dim=-3)
        return self.head(maps)


def encoder(parts: Parts, stages: Sequence[Sequence[tuple[int, int, int]]]) -> list[nn.Module]:
    """Stages of the layers (in, out, stride) given."""
    return [nn.Sequential(*(parts.encode(*layer) for layer in stage)) for stage in stages]


def decoder(parts: Parts, widths: Sequence[int], across: Sequence[int]) -> list[nn.Module]:
    """Layers from ``widths[0]`` through the others, each joined by the stage's output of the width in ``across``."""
    joined = [widths[0], *(width + other for width, other in zip(widths[1:-1], across, strict=True))]
    return [parts.decode(num_in, num_out) for num_in, num_out in zip(joined, widths[1:], strict=True)]


class PlaneParts(Parts):
    """Layers on channels of the plane."""

    first_stage: ClassVar[int] = 1
    """Layers of the U-Net's first stage."""

    @abstractmethod
    def head(self, num_in: int, num_out: int) -> nn.Module:
        """The last layer, without an activation."""

    def resnet(self, num_frames: int, base: int) -> nn.Module:
        """Blocks of widths base, 2 base, 4 base and 8 base, two each."""
        widths = [self.components * num_frames, *(base * factor for factor in (1, 1, 2, 2, 4, 4, 8, 8))]
        return ResNet(self, None, widths, self.head(widths[-1], self.components))

    def unet(self, num_frames: int, base: int) -> nn.Module:
        """Stages of widths base, 2 base, 4 base and 8 base."""
        num_in, num_out = self.components * num_frames, self.components
        first = [(num_in, base, 2), *[(base, base, 1)] * (self.first_stage - 1)]
        others = [[(width, 2 * width, 2), (2 * width, 2 * width, 1)] for width in (base, 2 * base, 4 * base)]
        ups = decoder(self, [8 * base, 2 * base, base, base // 2, base // 4], [4 * base, 2 * base, base])
        return UNet(encoder(self, [first, *others]), ups, self.head(base // 4 + num_in, num_out))


class PlainParts(PlaneParts):
    """Zero-padded convolutions with LeakyReLU and batch normalisation in blocks, with ReLU alone in the U-Net."""

    def first(self, num_in: int, num_out: int) -> nn.Module:
        return nn.Sequential(self.head(num_in, num_out), nn.BatchNorm2d(num_out), nn.LeakyReLU())

    def skip(self, num_in: int, num_out: int) -> nn.Module:
        return nn.Sequential(self.head(num_in, num_out), nn.LeakyReLU())

    def encode(self, num_in: int, num_out: int, stride: int) -> nn.Module:
        layer = nn.Conv2d(num_in, num_out, self.kernel_size, stride, padding=self.kernel_size // 2)
        return nn.Sequential(layer, nn.ReLU())

    def decode(self, num_in: int, num_out: int) -> nn.Module:
        return nn.Sequential(nn.ConvTranspose2d(num_in, num_out, 4, stride=2, padding=1), nn.ReLU())

    def head(self, num_in: int, num_out: int) -> nn.Module:
        return nn.Conv2d(num_in, num_out, self.kernel_size, padding=self.kernel_size // 2)


class PairParts(PlaneParts):
    """Layers on sets of components, all of one kind of convolution."""

    convolution: ClassVar[type[PairConvolution]]
    upsampling: ClassVar[type[RepeatedUpsampling]]

    def encode(self, num_in: int, num_out: int, stride: int) -> nn.Module:
        return self._layer(num_in, num_out, stride=stride)

    def decode(self, num_in: int, num_out: int) -> nn.Module:
        return self.upsampling(self.convolution(num_in, num_out, 4, components=self.components))

    def head(self, num_in: int, num_out: int) -> nn.Module:
        return self._layer(num_in, num_out, activation=False)

    def _layer(self, num_in: int, num_out: int, **options: Any) -> nn.Module:
        return self.convolution(num_in, num_out, self.kernel_size, components=self.components, **options)


class UniformMotionParts(PairParts):
    """f(w + c) = f(w) + c for every constant velocity c, and of a temperature for every constant temperature.

    The skip of a block carries its mean velocity.
    """

    convolution, upsampling = UniformMotionConvolution, RepeatedUpsampling

    def second(self, num_in: int, num_out: int) -> nn.Module:
        return UniformMotionDeviation(num_in, num_out, self.kernel_size, components=self.components)


class MagnitudeParts(PairParts):
    """f(s w) = s f(w) for every s > 0."""

    convolution, upsampling, first_stage = MagnitudeConvolution, ZeroUpsampling, 2

    def skip(self, num_in: int, num_out: int) -> nn.Module:
        return self.head(num_in, num_out)
