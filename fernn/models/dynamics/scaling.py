"""Networks on fields with five levels of scale."""

import math
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fernn.layers.convolution import ZeroUpsampling
from fernn.layers.scale import FACTORS, ScaleConvolution, ScaleHead
from fernn.models.dynamics.networks import Parts, ResNet, UNet, decoder, encoder


class ScaleNetwork(nn.Module):
    """A body on levels of scale, with the lift from frames to levels before it."""

    def __init__(self, body: nn.Module, components: int) -> None:
        super().__init__()
        self.body, self.components = body, components

    def forward(self, frames: Tensor) -> Tensor:
        """The field (b, c, h, w) that follows ``frames`` (b, t * c, h, w)."""
        return self.body(scale_levels(frames.unflatten(1, (-1, self.components))))


def scale_levels(frames: Tensor) -> Tensor:
    """Frames (b, t, c, h, w) at five levels of scale (b, 5, c t, h, w), the channels of a component together.

    Levels above the middle are blurred in time and space by :func:`gaussian` of s, and multiplied by 1 + s; those below
    it are divided by 1 + |s|, for s = -1, -1/2, ..., 1.
    """
    fields = frames.transpose(1, 2)
    levels = [_blurred(fields, s) * (1 + s) if s > 0 else fields / (1 - s) for s in FACTORS]
    return torch.stack(levels, dim=1).flatten(2, 3)


def _blurred(fields: Tensor, s: float) -> Tensor:
    kernel = gaussian(s).to(fields)
    return F.conv3d(fields.flatten(0, 1)[:, None], kernel[None, None], padding=1)[:, 0].view_as(fields)


@lru_cache
def gaussian(s: float) -> Tensor:
    """A normalised 3 x 3 x 3 kernel of exp(-(x / 2 d)^2) over time, rows and columns, d = s^2, s, s pixels.

    That is a Gaussian of deviation sqrt(2) d: the published code (utils.py, gaussain_blur) has the 2 within the square.
    """
    sides = [torch.tensor([math.exp(-((x / (2 * width)) ** 2)) for x in (-1, 0, 1)]) for width in (s * s, s, s)]
    kernel = torch.einsum("t,y,x->tyx", *sides)
    return kernel / kernel.sum()


class ScaleParts(Parts):
    """f(s w(x / s, t / s^2)) = s f(w)(x / s), approximately."""

    def skip(self, num_in: int, num_out: int) -> nn.Module:
        return self._layer(num_in, num_out, self.kernel_size, activation=False)

    def encode(self, num_in: int, num_out: int, stride: int) -> nn.Module:
        return self._layer(num_in, num_out, self.kernel_size, stride=stride)

    def decode(self, num_in: int, num_out: int) -> nn.Module:
        return ZeroUpsampling(self._layer(num_in, num_out, 4))

    def head(self, num_in: int, num_out: int) -> nn.Module:
        """The last layer, from the lowest level."""
        return ScaleHead(num_in, num_out, self.kernel_size)

    def resnet(self, num_frames: int, base: int) -> nn.Module:
        """A lift to base channels, blocks of base, 2 base and 4 base."""
        widths = [base, *(base * factor for factor in (1, 1, 2, 2, 4, 4, 4, 4))]
        lift, head = self.first(self.components * num_frames, base), self.head(widths[-1], self.components)
        return ScaleNetwork(ResNet(self, lift, widths, head), self.components)

    def unet(self, num_frames: int, base: int) -> nn.Module:
        """Stages of base, 2 base, 4 base and 8 base channels."""
        others = [[(width, 2 * width, 2), (2 * width, 2 * width, 1)] for width in (base, 2 * base, 4 * base)]
        ups = decoder(self, [8 * base, 2 * base, base, base // 2, base // 4], [4 * base, 2 * base, base])
        num_in = self.components * num_frames
        head = self.head(base // 4 + num_in, self.components)
        return ScaleNetwork(UNet(encoder(self, [[(num_in, base, 2)], *others]), ups, head), self.components)

    def _layer(self, num_in: int, num_out: int, kernel_size: int, **options: Any) -> ScaleConvolution:
        return ScaleConvolution(num_in, num_out, kernel_size, components=self.components, **options)
