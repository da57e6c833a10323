"""SVG's recurrent networks: one that predicts the next code, and Gaussians whose mean and spread are learnt."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from fernn.layers.vgg import initialise

State = list[tuple[Tensor, Tensor]]


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
