"""Correlations over translations and scales: fields that nearly commute with (x, t, w) -> (s x, s^2 t, s w).

A field has a level for each of five scales. Level s of the output reads the levels s to s + 2 of the input with one
set of weights, resampled for the level: shrunk at levels 0 and 1, as it is at level 2, dilated at levels 3 and 4;
along the channels of a component, which are frames at the input, by the square of the factor. Resampling is linear
and separable, so that a level's kernel is the weights times three small matrices that are made once.
The law holds roughly alone: kernels of few pixels are interpolated, and there are no levels beyond the last.
Source: Wang, Walters and Yu, ICLR 2021, section 3 and appendix; geometry of the resampling as in the published code
(Rose-STL-Lab/Equivariant-Net, commit e6f4c84, models/model_scale.py).
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEVELS = 5
READ_LEVELS = 3
"""Levels that one output level reads: its own and those above it, as far as there are."""
FACTORS = (-1.0, -0.5, 0.0, 0.5, 1.0)
"""How far a level's kernel is shrunk (below 0) or dilated (above 0)."""


class ScaleConvolution(nn.Module):
    """A correlation of fields (b, levels, channels, h, w), without bias, then LeakyReLU; zeros beyond the border.

    An odd kernel keeps the size at stride 1. An even one is placed with its first row and column on the pixel, so that
    zeros are added behind alone, and has stride 1.
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
        """``in_channels`` are whole sets of ``components``, those of one component together."""
        super().__init__()
        depth = in_channels // components
        shape = (out_channels, READ_LEVELS, components, depth, kernel_size, kernel_size)
        self.weights = nn.Parameter(torch.empty(shape).uniform_(*initial_range(in_channels, kernel_size)))
        self.stride, self.activation = stride, activation
        for level, factor in enumerate(FACTORS):
            space, channels, gain = resampling(factor, kernel_size, depth)
            self.register_buffer(f"space_{level}", space * math.sqrt(gain), persistent=False)
            self.register_buffer(f"channels_{level}", channels, persistent=False)

    def kernel(self, level: int) -> Tensor:
        """The kernel (out, levels read * channels, k', k') of an output level."""
        space, channels = self.get_buffer(f"space_{level}"), self.get_buffer(f"channels_{level}")
        weights = self.weights[:, : min(READ_LEVELS, LEVELS - level)]
        return torch.einsum("olcdyx,ed,vy,wx->olcevw", weights, channels, space, space).flatten(1, 3)

    def forward(self, maps: Tensor) -> Tensor:
        """Fields (b, 5, out, h', w') of fields (b, 5, in, h, w)."""
        levels = torch.stack([self._level(maps, level) for level in range(LEVELS)], dim=1)
        return F.leaky_relu(levels) if self.activation else levels

    def _level(self, maps: Tensor, level: int) -> Tensor:
        kernel, read = self.kernel(level), maps[:, level : level + READ_LEVELS].flatten(1, 2)
        size, own_size = kernel.shape[-1], self.weights.shape[-1]
        if own_size % 2:
            return F.conv2d(read, kernel, stride=self.stride, padding=size // 2)
        before = (size - own_size) // 2
        return F.conv2d(F.pad(read, (before, size - 1 - before) * 2), kernel)


class ScaleHead(nn.Conv2d):
    """The last layer: a correlation of the lowest level (factor -1) alone, with its weights as they are.

    The published layer has weights for the two levels above and a bias as well, and uses neither.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        super().__init__(in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=False)
        nn.init.uniform_(self.weight, *initial_range(in_channels, kernel_size))

    def forward(self, maps: Tensor) -> Tensor:
        """A field (b, out, h, w) of fields (b, 5, in, h, w)."""
        return super().forward(maps[:, 0])


def initial_range(in_channels: int, kernel_size: int) -> tuple[float, float]:
    """The range from which initial weights are drawn, evenly."""
    bound = 1 / math.sqrt(READ_LEVELS * in_channels * kernel_size**2)
    return -bound, bound


def resampling(factor: float, kernel_size: int, depth: int) -> tuple[Tensor, Tensor, float]:
    """Matrices (k', k) for rows and columns and (depth, depth) for a component's channels, and the gain.

    The gain makes up for what a shrunk kernel loses at its border.
    """
    if factor == 0:
        return torch.eye(kernel_size), torch.eye(depth), 1.0
    return (_shrinking if factor < 0 else _dilating)(abs(factor), kernel_size, depth)


def _shrinking(factor: float, kernel_size: int, depth: int) -> tuple[Tensor, Tensor, float]:
    """The weights between zeros, sampled on as many points as they have, drawn towards the centre."""
    pad, pad_depth = math.ceil(factor) * ((kernel_size - 1) // 2), math.ceil(factor**2) * ((depth - 1) // 2)
    reach = torch.tensor(1.0)
    if factor % 1:
        reach = (kernel_size - 1) / (kernel_size + 2 * pad - 1) * (torch.tensor(factor) + 1)
        reach = 1.5 * (reach - 0.5) ** 3 + 0.57  # fitted by the authors to what the interpolation gives
    space = F.pad(torch.eye(kernel_size), (0, 0, pad, pad))
    channels = F.pad(torch.eye(depth), (0, 0, pad_depth, pad_depth))
    left = kernel_size - 2 * factor
    gain = kernel_size**2 / (left**2 + 0.01) if left > 0 else 1.0
    return _sampled(space, kernel_size, reach), _sampled(channels, depth, reach**2), gain


def _dilating(factor: float, kernel_size: int, depth: int) -> tuple[Tensor, Tensor, float]:
    """Zeros between the weights and around them, sampled on as many points as without those around.

    At half a step the samples are drawn together, at a whole one they are not: they lie between the pixels even so,
    for the picture with zeros around is wider than the samples are many. The last ``depth`` channels are kept.
    """
    pad = (kernel_size - 1) // 2
    space, channels = (_spread(torch.eye(size), math.ceil(factor)) for size in (kernel_size, depth))
    padded = len(space) + 2 * pad
    reach = (padded - 1 - (kernel_size - 1) * torch.tensor(factor % 1)) / (padded - 1)
    space = _sampled(F.pad(space, (0, 0, pad, pad)), len(space), reach)
    channels = _sampled(F.pad(channels, (0, 0, pad, pad)), len(channels), reach**2)
    return space, channels[-depth:], 1.0


def _spread(rows: Tensor, gap: int) -> Tensor:
    """The rows with ``gap`` rows of zeros between each two."""
    spread = rows.new_zeros(len(rows) + (len(rows) - 1) * gap, rows.shape[1])
    spread[:: gap + 1] = rows
    return spread


def _sampled(rows: Tensor, count: int, reach: float | Tensor) -> Tensor:
    """``count`` rows sampled by linear interpolation from -reach to reach, where -1 and 1 are the outer edges.

    Places are rounded to float32 step by step as the published code rounds them: a network of twenty layers makes
    2e-5 of its prediction from what float64 places would differ.
    """
    places = ((torch.linspace(-1, 1, count) * reach + 1) * len(rows) - 1) / 2
    distances = (places[:, None] - torch.arange(len(rows))).abs()
    return (1 - distances).clamp_min(0) @ rows
