"""Networks on channels of the plane: no symmetry but translation, uniform motion, magnitude."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from fernn.layers.magnitude import MagnitudeConvolution
from fernn.layers.uniform_motion import UniformMotionConvolution
from fernn.layers.upsampling import RepeatedUpsampling, ZeroUpsampling
from fernn.layers.velocity_pairs import PairConvolution
from fernn.models.dynamics.networks import Parts, ResNet, UNet, decoder, encoder


@dataclass(frozen=True)
class PlaneParts(Parts):
    """Layers on channels of the plane."""

    kernel_size: int = 3

    @abstractmethod
    def head(self, num_in: int, num_out: int) -> nn.Module:
        """The last layer, without an activation."""

    def more_first(self, base: int) -> list[tuple[int, int, int]]:
        """Layers (in, out, stride) of the U-Net's first stage after its first one."""
        return []

    def resnet(self, num_frames: int, base: int) -> nn.Module:
        """Blocks of widths base, 2 base, 4 base and 8 base, two each."""
        widths = [2 * num_frames, *(base * factor for factor in (1, 1, 2, 2, 4, 4, 8, 8))]
        return ResNet(self, None, widths, self.head(widths[-1], 2))

    def unet(self, num_frames: int, base: int) -> nn.Module:
        """Stages of widths base, 2 base, 4 base and 8 base."""
        first = [(2 * num_frames, base, 2), *self.more_first(base)]
        others = [[(width, 2 * width, 2), (2 * width, 2 * width, 1)] for width in (base, 2 * base, 4 * base)]
        ups = decoder(self, [8 * base, 2 * base, base, base // 2, base // 4], [4 * base, 2 * base, base])
        return UNet(encoder(self, [first, *others]), ups, self.head(base // 4 + 2 * num_frames, 2))


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
    """Layers on pairs of velocity components, all of one kind of convolution."""

    convolution: ClassVar[type[PairConvolution]]
    upsampling: ClassVar[type[RepeatedUpsampling]]

    def first(self, num_in: int, num_out: int) -> nn.Module:
        return self.convolution(num_in, num_out, self.kernel_size)

    def encode(self, num_in: int, num_out: int, stride: int) -> nn.Module:
        return self.convolution(num_in, num_out, self.kernel_size, stride=stride)

    def decode(self, num_in: int, num_out: int) -> nn.Module:
        return self.upsampling(self.convolution(num_in, num_out, 4))

    def head(self, num_in: int, num_out: int) -> nn.Module:
        return self.convolution(num_in, num_out, self.kernel_size, activation=False)


class UniformMotionParts(PairParts):
    """f(w + c) = f(w) + c for every constant velocity c. The skip of a block carries its mean velocity."""

    convolution, upsampling = UniformMotionConvolution, RepeatedUpsampling

    def second(self, num_in: int, num_out: int) -> nn.Module:
        return UniformMotionConvolution(num_in, num_out, self.kernel_size, restores_mean=False)


class MagnitudeParts(PairParts):
    """f(s w) = s f(w) for every s > 0."""

    convolution, upsampling = MagnitudeConvolution, ZeroUpsampling

    def more_first(self, base: int) -> list[tuple[int, int, int]]:
        return [(base, base, 1)]

    def skip(self, num_in: int, num_out: int) -> nn.Module:
        return self.head(num_in, num_out)
