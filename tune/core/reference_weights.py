"""Weights that the published code saved, checked against a model of ours before they are trusted."""

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from data.progress import say
from fernn.files.weights import Fits, WeightsError, weights_in
from fernn.models import ModelConfig
from fernn.models.cnn3d import CNN3DConfig
from fernn.models.fernn import FERNNConfig, GRNNPlusConfig
from fernn.models.predictor import RotatingPredictorConfig, TranslatingPredictorConfig
from fernn.reference import Velocities, from_reference, is_derived, is_published, published_name, renamed
from tune.core.study import StudyError

Weights = Mapping[str, Tensor]
TASKS = {
    FERNNConfig: "kth", GRNNPlusConfig: "kth", CNN3DConfig: "kth",
    TranslatingPredictorConfig: "translating_mnist", RotatingPredictorConfig: "rotating_mnist",
}  # fmt: skip
"""The published code that saved a model's weights."""
KERNELS, SHIFTS = "lstm.learned_kernels", "lstm.shift_kernels"
TOLERANCE = 1e-4
"""Largest difference of outputs, as a share of the largest: the order of V changes float32 sums, no more."""


def read_weights(path: Path, fits: Fits = is_published) -> dict[str, Tensor]:
    """The file's state dict in single precision; a line says what was taken off or turned to get it.

    Raises OSError for a file that cannot be opened, StudyError for one that has no weights to be used.
    """
    try:
        found = weights_in(path, fits, in_single=True)
    except WeightsError as error:
        raise StudyError(str(error)) from error
    if found.notes:
        say(f"{path}: {'; '.join(found.notes)}")
    return found.weights


def published_velocities(config: ModelConfig) -> Velocities:
    """The published ``v_list`` of the model's V, vx in the outer loop; None for the 3D-CNN.

    KTH: (vy, vx); translating MNIST: (vx, vy); rotating MNIST: degrees.
    """
    if isinstance(config, RotatingPredictorConfig):
        return config.velocities
    if not isinstance(config, FERNNConfig | GRNNPlusConfig | TranslatingPredictorConfig):
        return None
    range_y, range_x = config.velocity_range
    pairs = product(range(-range_x, range_x + 1), range(-range_y, range_y + 1))
    return tuple((vx, vy) if isinstance(config, TranslatingPredictorConfig) else (vy, vx) for vx, vy in pairs)


def published_network(weights: Weights, config: ModelConfig, origin: str = "the weights") -> nn.Module:
    """The network that saved ``weights``; raises StudyError with the first part that does not fit ``config``.

    The error says where they are from, ``origin``.
    """
    if type(config) not in TASKS:
        raise StudyError(f"{config.name} is no model of the published code: its weights cannot be read from a file")
    if mismatch := first_mismatch(weights, config):
        raise StudyError(f"{origin} do not fit {config.name}: {mismatch}")
    try:
        return from_reference(weights, task=TASKS[type(config)], velocities=published_velocities(config))
    except ValueError as error:
        raise StudyError(f"{origin} do not fit {config.name}: {error}") from error


def first_mismatch(weights: Weights, config: ModelConfig) -> str:
    """The first weight that is too much, of another shape or missing, in one line; empty where all fit."""
    expected = expected_shapes(config)
    given = {name: weight for name, weight in weights.items() if name == SHIFTS or not is_derived(name)}
    for name, weight in given.items():
        ours = own_name(name)
        if ours not in expected:
            return f"{name!r} has no place there"
        if tuple(weight.shape) != expected[ours]:
            return f"{name!r} has shape {tuple(weight.shape)}, not {expected[ours]}"
    missing = expected.keys() - {own_name(name) for name in given}
    return f"{their_name(min(missing), config)!r} is missing" if missing else ""


def expected_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """By our names, the shape of every weight that a published file for the model holds.

    The fixed shift kernels, saved with every FERNN of KTH, are among them: nothing else in a file tells
    V_1 from V_2; MNIST's files do not tell. Learned kernels stand once, however many layers share them.
    """
    shapes = {name: tuple(weight.shape) for name, weight in config.build().state_dict().items()}
    shapes = {name: shape for name, shape in shapes.items() if own_name(KERNELS) == name or "kernels" not in name}
    if isinstance(config, FERNNConfig):
        height, width = (2 * radius + 1 for radius in config.velocity_range)
        shapes[SHIFTS] = (height * width, 1, height, width)
    return shapes


def own_name(name: str) -> str:
    """Our name of a published weight; shift kernels, which are no weight of ours, keep theirs."""
    return "cells.0.kernels.weight" if name == KERNELS else renamed(name)


def their_name(name: str, config: ModelConfig) -> str:
    """The published name of a weight of ours, as it stands in a file for that model."""
    if name == own_name(KERNELS):
        return KERNELS
    return name if isinstance(config, CNN3DConfig) and name.startswith("head.") else published_name(name)


@torch.no_grad()
def check_outputs(ours: nn.Module, published: nn.Module, inputs: Sequence[Any]) -> None:
    """Raises StudyError where the two networks in eval mode do not give the same outputs for the same inputs."""
    expected, actual = published.eval()(*inputs), ours.eval()(*inputs)
    difference, largest = (actual - expected).abs().max().item(), expected.abs().max().item()
    if not difference <= TOLERANCE * largest:
        raise StudyError(
            f"the model must give the outputs of the published network, they differ by {difference:.2g}: "
            f"its fields are not the published ones"
        )
