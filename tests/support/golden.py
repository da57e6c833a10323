"""Golden files: outputs of the published code on fixed weights and inputs, with the settings in their metadata."""

import ast
import math
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file

GOLDEN = Path(__file__).parents[1] / "golden"


def golden(name):
    """The tensors and the metadata of a file."""
    path = GOLDEN / f"{name}.safetensors"
    with safe_open(path, "pt") as file:
        return load_file(path), file.metadata() or {}


def part(values, prefix):
    """The tensors whose names begin so, by the rest of their names."""
    return {name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)}


def drawn(metadata):
    """The weights that a published dynamics network had, of the shapes and seed in the file."""
    for number, parameter in enumerate(metadata["parameters"].split(";")):
        shape = ast.literal_eval(parameter.partition(":")[2])
        weight = torch.randn(shape, generator=torch.Generator().manual_seed(int(metadata["seed"]) + number))
        yield weight * (0.1 if len(shape) == 1 else (2 / math.prod(shape[1:])) ** 0.5)
