"""Twice the height and width before a layer that keeps the size."""

import torch.nn.functional as F
from torch import Tensor, nn


class RepeatedUpsampling(nn.Module):
    """Every pixel four times, then ``layer``: local means stay, as uniform motion wants it."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (b, out, 2h, 2w) of maps (b, in, h, w)."""
        return self.layer(F.interpolate(maps, scale_factor=2.0, mode="nearest"))


class ZeroUpsampling(RepeatedUpsampling):
    """Zeros between the pixels, which come to even rows and columns, then ``layer``."""

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (b, out, 2h, 2w) of maps (b, in, h, w)."""
        wider = maps.new_zeros(*maps.shape[:-2], 2 * maps.shape[-2], 2 * maps.shape[-1])
        wider[..., ::2, ::2] = maps
        return self.layer(wider)
