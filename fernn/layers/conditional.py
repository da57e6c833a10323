"""Conditional normalisation: a gain and an offset for each channel and each sample, which inner steps move."""

import torch
from torch import Tensor, nn


class ConditionalNorm(nn.Module):
    """x * gamma + beta, with gamma and beta of shape (b, c): one set for each sample.

    As it stands the layer is the identity: gamma is 1 and beta 0 for every sample, and neither is a weight, so
    neither is trained or saved. ``torch.func.functional_call`` puts others in their place. Maps (b * t, c, ...) of
    several frames a sample, the frames of a sample side by side, share the sample's set.
    Source: Alet et al., "Noether Networks: Meta-Learning Useful Conserved Quantities", NeurIPS 2021, section 3.
    """

    gamma: Tensor
    beta: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("gamma", torch.ones(1, channels), persistent=False)
        self.register_buffer("beta", torch.zeros(1, channels), persistent=False)

    def forward(self, maps: Tensor) -> Tensor:
        return torch.addcmul(self._spread(self.beta, maps), maps, self._spread(self.gamma, maps))

    @staticmethod
    def _spread(values: Tensor, maps: Tensor) -> Tensor:
        """One row a map, or one for all, with as many axes as the maps."""
        if len(values) not in (1, len(maps)):
            values = values.repeat_interleave(len(maps) // len(values), dim=0)
        return values.reshape(*values.shape, *[1] * (maps.dim() - 2))


def identity_conditioning(network: nn.Module, num_samples: int) -> dict[str, Tensor]:
    """Gamma 1 and beta 0 (b, c), by the names under which ``torch.func.functional_call`` finds them in the network."""
    norms = [(name, norm) for name, norm in network.named_modules() if isinstance(norm, ConditionalNorm)]
    buffers = [(f"{name}.{part}".lstrip("."), values) for name, norm in norms for part, values in norm.named_buffers()]
    return {name: values.repeat(num_samples, 1) for name, values in buffers}


def is_conditioning(name: str) -> bool:
    """Whether a name is of a gain or an offset."""
    return name.rpartition(".")[2] in ("gamma", "beta")
