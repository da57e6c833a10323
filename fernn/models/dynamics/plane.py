"""Networks on channels of the plane: no symmetry but translation, uniform motion, magnitude."""

from dataclasses import dataclass

from torch import nn

from fernn.layers.magnitude import MagnitudeConvolution, MagnitudeUpsampling
from fernn.layers.uniform_motion import UniformMotionConvolution, UniformMotionUpsampling
from fernn.models.dynamics.networks import ResNet, UNet, decoder, encoder


@dataclass(frozen=True)
class PlainParts:
    """Zero-padded convolutions with LeakyReLU and batch normalisation in blocks, with ReLU alone in the U-Net."""

    kernel_size: int = 3

    def first(self, num_in: int, num_out: int) -> nn.Module:
        return nn.Sequential(self.head(num_in, num_out), nn.BatchNorm2d(num_out), nn.LeakyReLU())

    def second(self, num_in: int, num_out: int) -> nn.Module:
        return self.first(num_in, num_out)

    def skip(self, num_in: int, num_out: int) -> nn.Module:
        return nn.Sequential(self.head(num_in, num_out), nn.LeakyReLU())

    def encode(self, num_in: int, num_out: int, stride: int) -> nn.Module:
        layer = nn.Conv2d(num_in, num_out, self.kernel_size, stride, padding=self.kernel_size // 2)
        return nn.Sequential(layer, nn.ReLU())

    def decode(self, num_in: int, num_out: int) -> nn.Module:
        return nn.Sequential(nn.ConvTranspose2d(num_in, num_out, 4, stride=2, padding=1), nn.ReLU())

    def head(self, num_in: int, num_out: int) -> nn.Module:
        return nn.Conv2d(num_in, num_out, self.kernel_size, padding=self.kernel_size // 2)


@dataclass(frozen=True)
class UniformMotionParts:
    """f(w + c) = f(w) + c for every constant velocity c. The skip of a block carries its mean velocity."""

    kernel_size: int = 3

    def first(self, num_in: int, num_out: int) -> nn.Module:
        return UniformMotionConvolution(num_in, num_out, self.kernel_size)

    def second(self, num_in: int, num_out: int) -> nn.Module:
        return UniformMotionConvolution(num_in, num_out, self.kernel_size, restores_mean=False)

    def skip(self, num_in: int, num_out: int) -> nn.Module:
        return self.first(num_in, num_out)

    def encode(self, num_in: int, num_out: int, stride: int) -> nn.Module:
        return UniformMotionConvolution(num_in, num_out, self.kernel_size, stride=stride)

    def decode(self, num_in: int, num_out: int) -> nn.Module:
        return UniformMotionUpsampling(num_in, num_out)

    def head(self, num_in: int, num_out: int) -> nn.Module:
        return UniformMotionConvolution(num_in, num_out, self.kernel_size, activation=False)


@dataclass(frozen=True)
class MagnitudeParts:
    """f(s w) = s f(w) for every s > 0."""

    kernel_size: int = 3

    def first(self, num_in: int, num_out: int) -> nn.Module:
        return MagnitudeConvolution(num_in, num_out, self.kernel_size)

    def second(self, num_in: int, num_out: int) -> nn.Module:
        return self.first(num_in, num_out)

    def skip(self, num_in: int, num_out: int) -> nn.Module:
        return self.head(num_in, num_out)

    def encode(self, num_in: int, num_out: int, stride: int) -> nn.Module:
        return MagnitudeConvolution(num_in, num_out, self.kernel_size, stride=stride)

    def decode(self, num_in: int, num_out: int) -> nn.Module:
        return MagnitudeUpsampling(num_in, num_out)

    def head(self, num_in: int, num_out: int) -> nn.Module:
        return MagnitudeConvolution(num_in, num_out, self.kernel_size, activation=False)


PlaneParts = PlainParts | UniformMotionParts | MagnitudeParts


def build_resnet(parts: PlaneParts, in_channels: int, base: int) -> ResNet:
    """Blocks of widths base, 2 base, 4 base and 8 base, two each."""
    widths = [in_channels, *(base * factor for factor in (1, 1, 2, 2, 4, 4, 8, 8))]
    return ResNet(parts, None, widths, parts.head(widths[-1], 2))


def build_unet(parts: PlaneParts, in_channels: int, base: int) -> UNet:
    """Stages of widths base, 2 base, 4 base and 8 base."""
    first = [(in_channels, base, 2)] + ([(base, base, 1)] if isinstance(parts, MagnitudeParts) else [])
    others = [[(width, 2 * width, 2), (2 * width, 2 * width, 1)] for width in (base, 2 * base, 4 * base)]
    ups = decoder(parts, [8 * base, 2 * base, base, base // 2, base // 4], [4 * base, 2 * base, base])
    return UNet(encoder(parts, [first, *others]), ups, parts.head(base // 4 + in_channels, 2))


def plane_parts(symmetry: str, kernel_size: int) -> PlaneParts:
    """The layers of a symmetry by name."""
    kinds: dict[str, type[PlaneParts]] = {
        "none": PlainParts, "uniform-motion": UniformMotionParts, "magnitude": MagnitudeParts,
    }  # fmt: skip
    return kinds[symmetry](kernel_size)
