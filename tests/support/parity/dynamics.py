"""Dynamics networks beside those of Rose-STL-Lab/Equivariant-Net."""

import torch

from fernn.models.dynamics.scaling import scale_levels
from fernn.reference import published_dynamics
from tests.support.golden import drawn
from tests.support.parity.measure import OUTPUTS

LEVELS = 1e-6
"""Tolerance of the blurred levels: one layer's."""


def field(values, metadata):
    sizes = {name: int(metadata[name]) for name in ("kernel_size", "input_length")}
    network = published_dynamics(metadata["network"], list(drawn(metadata)), **sizes)
    with torch.no_grad():
        compared = {"prediction": (network(values["in.frames"]), values["out.eval"], OUTPUTS)}
        if "out.train" in values:  # a network with batch normalisation
            compared["prediction in training"] = (network.train()(values["in.frames"]), values["out.train"], OUTPUTS)
    if "levels" in values:
        compared["levels of scale"] = (scale_levels(values["in.frames"]), values["levels"], LEVELS)
    return compared
