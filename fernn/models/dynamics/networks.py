"""What all symmetries share: residual blocks, an encoder and decoder with connections across, and their layers."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn


class Parts(ABC):
    """The layers of one symmetry, with channels (for rotation: fields) as their sizes."""

    @abstractmethod
    def first(self, num_in: int, num_out: int) -> nn.Module:
        """The first layer of a residual block."""

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
        found = across.pop()
        for up in self.ups:
            found = torch.cat([across.pop(), up(found)], dim=-3)
        return self.head(found)


def encoder(parts: Parts, stages: Sequence[Sequence[tuple[int, int, int]]]) -> list[nn.Module]:
    """Stages of the layers (in, out, stride) given."""
    return [nn.Sequential(*(parts.encode(*layer) for layer in stage)) for stage in stages]


def decoder(parts: Parts, widths: Sequence[int], across: Sequence[int]) -> list[nn.Module]:
    """Layers from ``widths[0]`` through the others, each joined by the stage's output of the width in ``across``."""
    joined = [widths[0], *(width + other for width, other in zip(widths[1:-1], across, strict=True))]
    return [parts.decode(num_in, num_out) for num_in, num_out in zip(joined, widths[1:], strict=True)]
