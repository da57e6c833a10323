"""Dynamics networks with weights in the order and layout of the published code.

Source: Rose-STL-Lab/Equivariant-Net, commit e6f4c84, models/model_{noequ,um,mag,scale}.py.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fernn.models.dynamics.config import DYNAMICS, DynamicsConfig, DynamicsNetwork

PUBLISHED = {config.name: config for config in DYNAMICS if config.symmetry != "rotation"}
"""Without the networks of rotations, whose weights escnn orders, and of which our U-Net halves maps otherwise."""


class PublishedStep(nn.Module):
    """One step of a network: the field (b, 2, h, w) that follows the frames (b, input_length, 2, h, w)."""

    def __init__(self, network: DynamicsNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, frames: Tensor) -> Tensor:
        return self.network(frames, horizon=1)[:, 0]


def published_dynamics(name: str, weights: Sequence[Tensor], *, kernel_size: int, input_length: int) -> nn.Module:
    """The network, which maps frames (b, input_length, 2, h, w) to the field (b, 2, h, w) that follows, in eval mode.

    ``weights``: the parameters that the published network uses, in its order and layout (biases of scale layers and
    batch normalisations beside uniform motion and magnitude are built there and not used). Widths are the published
    ones. Raises ValueError for an unknown ``name``, and for the first parameter that is missing, too many, or of
    another shape.
    """
    if name not in PUBLISHED:
        raise ValueError(f"name must be one of {', '.join(PUBLISHED)}, got {name!r}")
    config = PUBLISHED[name].override({"kernel_size": kernel_size, "input_length": input_length})
    network = config.build()
    parameters = list(network.named_parameters())
    if len(weights) != len(parameters):
        raise ValueError(f"weights must be the {len(parameters)} parameters of {name}, got {len(weights)}")
    network.to(weights[0].dtype)
    for (place, parameter), weight in zip(parameters, weights, strict=True):
        own = _in_our_layout(config, weight, is_head=parameter is parameters[-1][1])
        if own.shape != parameter.shape:
            raise ValueError(
                f"weights of {name}: {place} must have shape {tuple(parameter.shape)}, got {tuple(own.shape)}"
            )
        parameter.data = own.clone()
    return PublishedStep(network).eval()


def _in_our_layout(config: DynamicsConfig, weight: Tensor, is_head: bool) -> Tensor:
    """A published weight as ours: tiles of blocks have rows and columns exchanged; a scale head reads one level."""
    if config.symmetry == "scale":
        return weight[:, 0].flatten(1, 2) if is_head and weight.dim() == 6 else weight
    is_tiled = config.symmetry in ("uniform-motion", "magnitude") and weight.dim() == 4
    return torch.transpose(weight, -2, -1) if is_tiled else weight
