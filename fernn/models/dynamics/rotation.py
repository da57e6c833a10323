"""Networks on regular fields of C_N that map vector fields to vector fields; widths are fields, not channels.

escnn is imported when the first layer is built.
"""

from dataclasses import dataclass
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from fernn.layers.steerable import CentredUpsampling, DiagonalUpsampling, FieldConvolution, FieldNorm, Fields, Kind
from fernn.models.dynamics.networks import Parts, ResNet, UNet, decoder, encoder

Resampling = Literal["published", "equivariant"]


class MeanPooling(nn.Module):
    """Half the height and width by means of 2 x 2 pixels, which quarter turns keep; odd sizes raise ValueError."""

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (b, c, h / 2, w / 2)."""
        if maps.shape[-1] % 2 or maps.shape[-2] % 2:
            raise ValueError(f"height and width must be even wherever they are halved, got {tuple(maps.shape[-2:])}")
        return F.avg_pool2d(maps, 2)


@dataclass(frozen=True)
class RotationParts(Parts):
    """f(R w R^-1) = R f(w) R^-1, exactly for quarter turns R in the ResNet, and in the U-Net that is resampled so.

    The published U-Net steps over every second pixel and doubles pixels along a diagonal
    (:class:`fernn.layers.steerable.DiagonalUpsampling`), which quarter turns do not keep.
    """

    group_order: int
    resampling: Resampling = "published"

    @property
    def kind(self) -> Kind:
        """Of the fields that are read and predicted."""
        return "vector" if self.components == 2 else "state"

    def encode(self, num_in: int, num_out: int, stride: int) -> nn.Module:
        return self._halving(("regular", num_in), num_out, stride)

    def decode(self, num_in: int, num_out: int) -> nn.Module:
        return self._normed(self._doubling(("regular", num_in), ("regular", num_out)))

    def lift(self, num_frames: int, num_out: int, stride: int = 1) -> nn.Module:
        """From the vectors, or states, of all frames."""
        return self._halving((self.kind, num_frames), num_out, stride)

    def resnet(self, num_frames: int, base: int) -> nn.Module:
        """A lift to base fields, blocks of 2, 4, 8 and 12 times as many, two each."""
        widths = [base, *(base * factor for factor in (2, 2, 4, 4, 8, 8, 12, 12))]
        head = self._convolution(("regular", widths[-1]), (self.kind, 1))
        return ResNet(self, self.lift(num_frames, base), widths, head)

    def unet(self, num_frames: int, base: int) -> nn.Module:
        """Stages of base to 2 base, 4 base and 8 base fields."""
        first = nn.Sequential(
            self.lift(num_frames, base, 2), self.encode(base, 2 * base, 1), self.encode(2 * base, 2 * base, 1)
        )
        others = [[(width, 2 * width, 2), (2 * width, 2 * width, 1)] for width in (2 * base, 4 * base)]
        ups = decoder(self, [8 * base, 2 * base, base], [4 * base])
        # vectors have no point-wise nonlinearity
        last = self._doubling(("regular", 3 * base), (self.kind, base // 2))
        head = self._convolution((self.kind, base // 2 + num_frames), (self.kind, 1))
        return UNet([first, *encoder(self, others)], [*ups, last], head)

    def _convolution(self, source: Fields, target: Fields, stride: int = 1) -> FieldConvolution:
        return FieldConvolution(source, target, self.group_order, self.kernel_size, stride=stride)

    def _halving(self, source: Fields, num_out: int, stride: int) -> nn.Module:
        """A layer to regular fields, of half the height and width at a stride of 2."""
        pools = stride > 1 and self.resampling == "equivariant"
        layer = self._normed(self._convolution(source, ("regular", num_out), 1 if pools else stride))
        return nn.Sequential(layer, MeanPooling()) if pools else layer

    def _doubling(self, source: Fields, target: Fields) -> FieldConvolution:
        layer = CentredUpsampling if self.resampling == "equivariant" else DiagonalUpsampling
        return layer(source, target, self.group_order)

    def _normed(self, layer: FieldConvolution) -> nn.Module:
        return nn.Sequential(layer, FieldNorm(layer.out_fields, self.group_order), nn.ReLU())
