"""Networks on regular fields of C_N that map vector fields to vector fields; widths are fields, not channels.

escnn is imported when the first layer is built.
"""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from fernn.layers.steerable import FieldConvolution, FieldNorm, Fields, FieldUpsampling
from fernn.models.dynamics.networks import Parts, ResNet, UNet, decoder, encoder


class MeanPooling(nn.Module):
    """Half the height and width by means of 2 x 2 pixels, which quarter turns keep; odd sizes raise ValueError.

    (The published code steps over every second pixel instead, which they do not keep.)
    """

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (b, c, h / 2, w / 2)."""
        if maps.shape[-1] % 2 or maps.shape[-2] % 2:
            raise ValueError(f"height and width must be even wherever they are halved, got {tuple(maps.shape[-2:])}")
        return F.avg_pool2d(maps, 2)


@dataclass(frozen=True)
class RotationParts(Parts):
    """f(R w R^-1) = R f(w) R^-1, exactly for quarter turns R."""

    group_order: int

    def first(self, num_in: int, num_out: int) -> nn.Module:
        return self._normed(self._convolution(("regular", num_in), ("regular", num_out)))

    def encode(self, num_in: int, num_out: int, stride: int) -> nn.Module:
        return self.first(num_in, num_out) if stride == 1 else nn.Sequential(self.first(num_in, num_out), MeanPooling())

    def decode(self, num_in: int, num_out: int) -> nn.Module:
        return self._normed(FieldUpsampling(("regular", num_in), ("regular", num_out), self.group_order))

    def lift(self, num_frames: int, num_out: int) -> nn.Module:
        """From the vectors of all frames."""
        return self._normed(self._convolution(("vector", num_frames), ("regular", num_out)))

    def resnet(self, num_frames: int, base: int) -> nn.Module:
        """A lift to base fields, blocks of 2, 4, 8 and 12 times as many, two each."""
        widths = [base, *(base * factor for factor in (2, 2, 4, 4, 8, 8, 12, 12))]
        head = self._convolution(("regular", widths[-1]), ("vector", 1))
        return ResNet(self, self.lift(num_frames, base), widths, head)

    def unet(self, num_frames: int, base: int) -> nn.Module:
        """Stages of base to 2 base, 4 base and 8 base fields."""
        first = nn.Sequential(
            self.lift(num_frames, base),
            MeanPooling(),
            self.encode(base, 2 * base, 1),
            self.encode(2 * base, 2 * base, 1),
        )
        others = [[(width, 2 * width, 2), (2 * width, 2 * width, 1)] for width in (2 * base, 4 * base)]
        ups = decoder(self, [8 * base, 2 * base, base], [4 * base])
        # vectors have no point-wise nonlinearity
        last = FieldUpsampling(("regular", 3 * base), ("vector", base // 2), self.group_order)
        head = self._convolution(("vector", base // 2 + num_frames), ("vector", 1))
        return UNet([first, *encoder(self, others)], [*ups, last], head)

    def _convolution(self, source: Fields, target: Fields) -> FieldConvolution:
        return FieldConvolution(source, target, self.group_order, self.kernel_size)

    def _normed(self, layer: FieldConvolution) -> nn.Module:
        return nn.Sequential(layer, FieldNorm(layer.out_fields, self.group_order), nn.ReLU())
