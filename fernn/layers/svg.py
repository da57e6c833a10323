"""The parts of SVG: encoder and decoder, stacks of 3x3 convolutions between a picture and a vector, and its LSTMs.

Source: Denton and Fergus, "Stochastic Video Generation with a Learned Prior", ICML 2018, appendix; normalisation as in
Alet et al., "Noether Networks", NeurIPS 2021: over all channels and pixels of a map, then conditional.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fernn.layers.conditional import ConditionalNorm

LAST = 4
"""Height and width of the maps before the last convolution, pixels."""
SLOPE = 0.2
SPREAD = 0.02
"""Standard deviation of initial weights."""
State = list[tuple[Tensor, Tensor]]
"""Hidden and cell state of every LSTM cell."""


def normed(convolution: nn.Conv2d | nn.ConvTranspose2d, activation: nn.Module) -> nn.Sequential:
    """The convolution, normalisation over channels and pixels, conditional normalisation, the activation."""
    channels = convolution.out_channels
    return nn.Sequential(convolution, nn.GroupNorm(1, channels), ConditionalNorm(channels), activation)


def stack(widths: Sequence[int]) -> nn.Sequential:
    """3x3 convolutions that keep the size, normalised, with leaky ReLUs: from ``widths[0]`` channels on."""
    return nn.Sequential(*(normed(nn.Conv2d(*sizes, 3, padding=1), nn.LeakyReLU(SLOPE)) for sizes in pairwise(widths)))


class Encoder(nn.Module):
    """Pictures (n, c, s, s) with s = 4 * 2^blocks to vectors (n, code), and the maps that skip to the decoder."""

    def __init__(self, channels: int, widths: Sequence[int], depths: Sequence[int], code: int) -> None:
        super().__init__()
        ins = [channels, *widths[:-1]]
        self.blocks = nn.ModuleList(
            stack([c_in, *[width] * depth]) for c_in, width, depth in zip(ins, widths, depths, strict=True)
        )
        self.last = normed(nn.Conv2d(widths[-1], code, LAST), nn.Tanh())

    def forward(self, pictures: Tensor) -> tuple[Tensor, list[Tensor]]:
        maps, skips = pictures, []
        for block in self.blocks:
            skips.append(block(maps))
            maps = F.max_pool2d(skips[-1], 2)
        return self.last(maps).flatten(1), skips


class Decoder(nn.Module):
    """Vectors (n, code) and the encoder's maps to pictures (n, c, s, s) in [0, 1]: the encoder in a mirror."""

    def __init__(self, channels: int, widths: Sequence[int], depths: Sequence[int], code: int) -> None:
        super().__init__()
        self.first = normed(nn.ConvTranspose2d(code, widths[-1], LAST), nn.LeakyReLU(SLOPE))
        outs = [widths[0], *widths[:-1]]
        self.blocks = nn.ModuleList(
            stack([2 * width, *[width] * (depth - 1), out])
            for width, depth, out in list(zip(widths, depths, outs, strict=True))[:0:-1]
        )
        self.before_last = stack([2 * widths[0], *[widths[0]] * (depths[0] - 1)])
        before = widths[0] if depths[0] > 1 else 2 * widths[0]
        self.last = nn.ConvTranspose2d(before, channels, 3, padding=1)

    def forward(self, codes: Tensor, skips: Sequence[Tensor]) -> Tensor:
        maps = self.first(codes[:, :, None, None])
        for block, skip in zip([*self.blocks, self.before_last], reversed(skips), strict=True):
            maps = block(torch.cat([F.interpolate(maps, scale_factor=2.0), skip], dim=1))
        return torch.sigmoid(self.last(maps))


class Gaussian(NamedTuple):
    """A diagonal normal distribution: means and logarithms of variances, both (b, z)."""

    mean: Tensor
    log_variance: Tensor

    def sample(self, noise: Tensor) -> Tensor:
        """The draw that standard normal ``noise`` (b, z) stands for."""
        return self.mean + noise * torch.exp(0.5 * self.log_variance)

    def divergence(self, other: "Gaussian") -> Tensor:
        """KL(self || other), summed over dimensions: (b,).

        log(s_o / s) + (s^2 + (m - m_o)^2) / (2 s_o^2) - 1/2 for each dimension.
        """
        ratio = torch.exp(self.log_variance - other.log_variance)
        distance = (self.mean - other.mean).square() * torch.exp(-other.log_variance)
        return 0.5 * (other.log_variance - self.log_variance + ratio + distance - 1).sum(dim=-1)


class CodeLSTM(nn.Module):
    """A linear layer and LSTM cells one above the other; ``step`` takes one time step."""

    def __init__(self, num_inputs: int, width: int, num_layers: int) -> None:
        super().__init__()
        self.width = width
        self.embed = nn.Linear(num_inputs, width)
        self.cells = nn.ModuleList(nn.LSTMCell(width, width) for _ in range(num_layers))
        initialise(self)

    def widen(self, count: int) -> None:
        """Take ``count`` more inputs; the other weights stay as they are."""
        self.embed = nn.Linear(self.embed.in_features + count, self.width)
        initialise(self.embed)

    def start(self, like: Tensor) -> State:
        """A state of zeros for as many samples as ``like`` has."""
        zeros = like.new_zeros(len(like), self.width)
        return [(zeros, zeros)] * len(self.cells)

    def step(self, values: Tensor, state: State) -> tuple[Tensor, State]:
        """The last cell's output (b, width) and the next state."""
        hidden, following = self.embed(values), []
        for cell, past in zip(self.cells, state, strict=True):
            following.append(cell(hidden, past))
            hidden = following[-1][0]
        return hidden, following


class CodePredictor(CodeLSTM):
    """Code and latent draw to the next code, in (-1, 1); its forget gates start open (bias 1)."""

    def __init__(self, num_inputs: int, code: int, width: int, num_layers: int) -> None:
        super().__init__(num_inputs, width, num_layers)
        self.head = nn.Linear(width, code)
        initialise(self.head)
        for cell in self.cells:
            assert isinstance(cell, nn.LSTMCell)
            with torch.no_grad():
                cell.bias_ih[width : 2 * width] = 1.0

    def forward(self, values: Tensor, state: State) -> tuple[Tensor, State]:
        hidden, state = self.step(values, state)
        return torch.tanh(self.head(hidden)), state


class GaussianLSTM(CodeLSTM):
    """Codes to the distribution of the latent variable."""

    def __init__(self, code: int, latent: int, width: int, num_layers: int) -> None:
        super().__init__(code, width, num_layers)
        self.mean, self.log_variance = nn.Linear(width, latent), nn.Linear(width, latent)
        initialise(self.mean)
        initialise(self.log_variance)

    def forward(self, codes: Tensor, state: State) -> tuple[Gaussian, State]:
        hidden, state = self.step(codes, state)
        return Gaussian(self.mean(hidden), self.log_variance(hidden)), state


def initialise(network: nn.Module) -> None:
    """Weights of convolutions and linear layers from N(0, 0.02), their biases 0; others stay as they are."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(module.weight, std=SPREAD)
            assert module.bias is not None
            nn.init.zeros_(module.bias)
