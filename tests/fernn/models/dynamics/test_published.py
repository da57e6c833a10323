"""Whole networks against outputs of the published ones (Rose-STL-Lab/Equivariant-Net, commit e6f4c84).

Classes ResNet_Scale and Unet_Scale of models/model_scale.py with the levels of utils.py, Unet_Mag of
models/model_mag.py.
"""

import ast
import math
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from fernn.models.dynamics.scaling import scale_levels
from fernn.reference import published_dynamics

GOLDEN = Path(__file__).parents[3] / "golden"


def golden(name):
    path = GOLDEN / f"dynamics_{name}.safetensors"
    with safe_open(path, "pt") as file:
        return load_file(path), file.metadata()


def drawn(metadata):
    """The weights that the published network had, of the shapes and seed in the file."""
    for number, parameter in enumerate(metadata["parameters"].split(";")):
        shape = ast.literal_eval(parameter.partition(":")[2])
        weight = torch.randn(shape, generator=torch.Generator().manual_seed(int(metadata["seed"]) + number))
        yield weight * (0.1 if len(shape) == 1 else (2 / math.prod(shape[1:])) ** 0.5)


def network(metadata, weights):
    sizes = {name: int(metadata[name]) for name in ("kernel_size", "input_length")}
    return published_dynamics(metadata["network"], weights, **sizes)


@pytest.mark.parametrize("name", ["resnet_scale", "unet_scale", "unet_mag"])
def test_predictions_equal_the_published_ones(name):
    values, metadata = golden(name)
    with torch.no_grad():
        predicted = network(metadata, list(drawn(metadata)))(values["in.frames"])
    assert (predicted - values["out.eval"]).abs().max() <= 1e-5 * values["out.eval"].abs().max()


def test_levels_of_scale_equal_the_published_ones():
    values, _ = golden("resnet_scale")
    levels = scale_levels(values["in.frames"])
    assert (levels - values["levels"]).abs().max() <= 1e-6 * values["levels"].abs().max()


def test_weights_that_do_not_fit_are_refused():
    _, metadata = golden("unet_mag")
    weights = list(drawn(metadata))
    with pytest.raises(ValueError, match="weights must be the 26 parameters of unet-mag, got 25"):
        network(metadata, weights[:-1])
    with pytest.raises(ValueError, match=r"must have shape \(64, 6, 3, 3\), got \(64,\)"):
        network(metadata, [weights[1], weights[0], *weights[2:]])
    with pytest.raises(ValueError, match="name must be one of resnet, .*, got 'unet-rot'"):
        network(metadata | {"network": "unet-rot"}, weights)
