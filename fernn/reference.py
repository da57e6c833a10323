"""Networks of published code as networks of this project.

FERNN's are those of akandykeller/FERNN, commit 7def7bc; the dynamics networks those of Rose-STL-Lab/Equivariant-Net,
commit e6f4c84, models/model_{noequ,um,mag,rot,scale}.py; the video network that of dylandoblar/noether-networks, commit
c7a65a2 (:mod:`fernn.models.noether.published`).
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from fernn.files.weights import WeightsError, unwrapped
from fernn.flows import RotationFlow, TranslationFlow
from fernn.flows.translation import parse_velocities
from fernn.layers.cell import FERNNCell, LearnedKernelCell, LearnedKernels
from fernn.layers.convolution import CircularConvolution
from fernn.layers.frame_decoder import FrameDecoder
from fernn.layers.steerable import FieldConvolution, SteerableConvolution, kernel_basis
from fernn.models.cnn3d import CNN3D
from fernn.models.dynamics.config import DYNAMICS, DynamicsConfig
from fernn.models.fernn import RecurrentClassifier
from fernn.models.noether.published import published_noether
from fernn.models.predictor import SequencePredictor

__all__ = ["from_reference", "published_dynamics", "published_noether"]

Weights = Mapping[str, Tensor]
Velocities = Sequence[Sequence[int]] | Sequence[float] | None

DERIVED = r"^lstm\.shift_kernels$|\.filter$|\.expanded_bias$|_basisexpansion"
"""Buffers that the published code saves beside the weights that they are made of."""
FIRST = {"lstm.conv_u_first.0.weight", "st1.0.weight", "cell.conv_u.weight", "cell.conv_u.weights"}
"""Weights of which every published network has one."""
PREFIXES = {
    "lstm.learned_kernels": "cells.0.kernels.weight", "lstm.conv_u_first.": "embedding.",
    "lstm.conv_u_layers.": "between.", "lstm.conv_h_layers.": "cells.", "fc.": "head.", "st1.": "stages.0.",
    "st2.0.": "stages.1.", "st2.1.": "stages.2.", "st3.0.": "stages.3.", "st3.1.": "stages.4.",
    "cell.conv_u.": "lift.", "cell.conv_h.": "cell.convolution.", "decoder_conv.": "decoder.",
}  # fmt: skip
"""The beginnings of published names, and of ours; of kernels that layers share, the first layer's."""
PUBLISHED = {config.name: config for config in DYNAMICS}


def from_reference(state_dict: Weights, *, task: str, velocities: Velocities = None) -> nn.Module:
    """Our network with the weights of one that the published code saved.

    ``velocities`` is the published model's ``v_list``: for ``task`` "kth" (vy, vx) pairs, None for the 3D-CNN;
    for "translating_mnist" (vx, vy) pairs; for "rotating_mnist" degrees. Widths, depth and group order are read
    from the shapes. The published KTH code moves a slice by -v, ours by +v: its slices here are those of the
    negated list, in the same order; the MNIST codes move as ours do. Bundles and prefixes of wrappers are taken off
    (:mod:`fernn.files.weights`); the network is in double precision where its first weight is, else in single.
    Raises ValueError where weights and arguments do not fit each other.
    """
    if task not in READERS:
        raise ValueError(f"task must be one of {', '.join(READERS)}, got {task!r}")
    try:
        weights = unwrapped(state_dict, is_published).weights
    except WeightsError as error:
        raise ValueError(f"the weights {error}") from error
    model = READERS[task](weights, velocities)
    is_double = next((w.dtype for w in weights.values() if w.is_floating_point()), None) == torch.float64
    return _loaded(model.double() if is_double else model, weights)


def is_published(names: Collection[str]) -> bool:
    """Whether weights of those names are of a network of the published code."""
    return not FIRST.isdisjoint(names)


def _translating(weights: Weights, velocities: Any) -> nn.Module:
    lift = _need(weights, "cell.conv_u.weight")
    flow = TranslationFlow(tuple((vy, vx) for vx, vy in parse_velocities(velocities or ())))
    widths = _decoder_widths(weights)
    cell = FERNNCell(flow, CircularConvolution(widths[0], widths[0]), "relu")
    decoder = FrameDecoder(widths, lift.shape[1], "circular")
    return SequencePredictor(CircularConvolution(lift.shape[1], widths[0]), cell, decoder)


def _rotating(weights: Weights, velocities: Any) -> nn.Module:
    widths, num_lift = _decoder_widths(weights), len(_need(weights, "cell.conv_u.weights"))
    for order in range(1, widths[0] + 1):
        fields, rest = divmod(widths[0], order)
        if not rest and fields * len(kernel_basis("picture", "regular", order, 3)) == num_lift:
            break
    else:
        raise ValueError(f"no group order fits {widths[0]} channels and {num_lift} weights of cell.conv_u")
    cell = FERNNCell(RotationFlow(tuple(velocities or ()), order), SteerableConvolution(fields, fields, order), "relu")
    return SequencePredictor(SteerableConvolution(None, fields, order), cell, FrameDecoder(widths, 1, "zeros"))


def _decoder_widths(weights: Weights) -> list[int]:
    _need(weights, "decoder_conv.0.weight")
    return [weight.shape[1] for name, weight in weights.items() if name.startswith("decoder_conv.")]


def _kth(weights: Weights, velocities: Any) -> nn.Module:
    if velocities is None:
        first, head = _need(weights, "st1.0.weight"), _need(weights, "head.weight")
        return CNN3D(first.shape[1], first.shape[0], head.shape[0])
    _need(weights, "lstm.conv_u_first.0.weight")
    embedding = [w for name, w in sorted(weights.items()) if "conv_u_first" in name and w.dim() == 4]
    widths = (embedding[0].shape[1], *(w.shape[0] for w in embedding))
    depth = sum(name.startswith("lstm.conv_h_layers.") for name in weights)
    cells = _cells(weights, velocities, widths[-1], depth)
    return RecurrentClassifier(widths, cells, _need(weights, "fc.weight").shape[0], "zeros")


def _cells(
    weights: Weights, velocities: Sequence[Sequence[int]], channels: int, depth: int
) -> list[FERNNCell] | list[LearnedKernelCell]:
    for name in ("lstm.shift_kernels", "lstm.learned_kernels"):
        if name in weights and len(weights[name]) != len(velocities):
            raise ValueError(f"velocities must have {len(weights[name])} entries, as {name}, got {len(velocities)}")
    if "lstm.learned_kernels" not in weights:
        flow = TranslationFlow(tuple((-vy, -vx) for vy, vx in parse_velocities(velocities)))
        return [FERNNCell(flow, CircularConvolution(channels, channels)) for _ in range(depth)]
    num_kernels, _, height, width = weights["lstm.learned_kernels"].shape
    kernels = LearnedKernels(num_kernels, height, width)
    return [LearnedKernelCell(kernels, channels) for _ in range(depth)]


def _loaded(model: nn.Module, weights: Weights) -> nn.Module:
    """``model`` with the renamed weights; fixed shift kernels are not weights and are left out."""
    ours: dict[str, Tensor] = {}
    wanted, unfit = model.state_dict(), f"the weights do not fit the published {type(model).__name__}"
    for name, weight in weights.items():
        if name == "lstm.learned_kernels":
            ours |= {key: weight for key in wanted if key.endswith(".kernels.weight")}
        elif not is_derived(name):
            ours[renamed(name)] = weight
            if not weight.is_floating_point() and wanted.get(renamed(name), weight).is_floating_point():
                raise ValueError(f"{unfit}: {name!r} must hold floating-point numbers, got {weight.dtype}")
    try:
        model.load_state_dict(ours)
    except RuntimeError as error:
        raise ValueError(f"{unfit}: {' '.join(str(error).split())}") from error
    return model


def is_derived(name: str) -> bool:
    """Whether a saved buffer is made of the weights beside it."""
    return re.search(DERIVED, name) is not None


def renamed(name: str) -> str:
    """Our name of a published parameter or buffer.

    A convolution stands at 0, 3, 6, ... of the published embedding, its BatchNorm one further.
    """
    name = _with_prefix(name, PREFIXES)
    if match := re.fullmatch(r"(embedding|between\.\d+)\.(\d+)\.(\w+)", name):
        place, rest = divmod(int(match[2]), 3)
        return f"{match[1]}.{'norms' if rest else 'convolutions'}.{place}.{match[3]}"
    return re.sub(r"^(cells\.\d+)\.0\.", r"\1.convolution.", name)


def published_name(name: str) -> str:
    """The published name of a parameter or buffer of ours, which :func:`renamed` turns back; the 3D-CNN's head apart.

    The published code calls that "head", every other "fc".
    """
    if match := re.fullmatch(r"(embedding|between\.\d+)\.(convolutions|norms)\.(\d+)\.(\w+)", name):
        name = f"{match[1]}.{3 * int(match[3]) + (match[2] == 'norms')}.{match[4]}"
    name = re.sub(r"^(cells\.\d+)\.convolution\.", r"\1.0.", name)
    return _with_prefix(name, {ours: published for published, ours in PREFIXES.items()})


def _with_prefix(name: str, prefixes: Mapping[str, str]) -> str:
    prefix = next(filter(name.startswith, prefixes), "")
    return prefixes.get(prefix, "") + name.removeprefix(prefix)


def _need(weights: Weights, name: str) -> Tensor:
    if name not in weights:
        raise ValueError(
            f"the weights have no {name!r}: they are of another task, or KTH's velocities are missing or too many"
        )
    return weights[name]


READERS: Mapping[str, Callable[[Weights, Any], nn.Module]] = {
    "kth": _kth, "translating_mnist": _translating, "rotating_mnist": _rotating,
}  # fmt: skip


def published_dynamics(name: str, weights: Sequence[Tensor], *, kernel_size: int, input_length: int) -> nn.Module:
    """The network, which maps frames (b, input_length, 2, h, w) to the field (b, 2, h, w) that follows, in eval mode.

    ``weights``: the parameters that the published network uses, in its order and layout (biases of scale layers, batch
    normalisations beside uniform motion and magnitude, and the "upscale" of rotating blocks that keep their width are
    built there and not used). A rotating convolution's are those of escnn's R2Conv: its bias, then its weights, for
    each pair of an output and an input field the coefficients of escnn's basis. Widths are the published ones. Raises
    ValueError for an unknown ``name``, and for the first parameter that is missing, too many, or of another shape.
    """
    if name not in PUBLISHED:
        raise ValueError(f"name must be one of {', '.join(PUBLISHED)}, got {name!r}")
    config = PUBLISHED[name].override({"kernel_size": kernel_size, "input_length": input_length})
    network = config.build().network
    parameters = list(_in_published_order(network))
    if len(weights) != len(parameters):
        raise ValueError(f"weights must be the {len(parameters)} parameters of {name}, got {len(weights)}")
    network.to(weights[0].dtype)
    for (place, parameter), weight in zip(parameters, weights, strict=True):
        own = _in_our_layout(config, weight, parameter, is_head=parameter is parameters[-1][1])
        if own.shape != parameter.shape:
            raise ValueError(
                f"weights of {name}: {place} must have shape {tuple(parameter.shape)}, got {tuple(own.shape)}"
            )
        parameter.data = own.clone()
    return nn.Sequential(nn.Flatten(1, 2), network).eval()


def _in_published_order(network: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """Our parameters by name; escnn's layers have their bias before their weights."""
    for place, layer in network.named_modules():
        own = [(f"{place}.{name}", parameter) for name, parameter in layer.named_parameters(recurse=False)]
        yield from reversed(own) if isinstance(layer, FieldConvolution) else own


def _in_our_layout(config: DynamicsConfig, weight: Tensor, ours: Tensor, is_head: bool) -> Tensor:
    """A published weight as ours: tiles of blocks have rows and columns exchanged; a scale head reads one level.

    Weights of a rotating convolution are one row there.
    """
    if config.symmetry == "rotation":
        return weight.view_as(ours) if weight.numel() == ours.numel() and weight.dim() == 1 else weight
    if config.symmetry == "scale":
        return weight[:, 0].flatten(1, 2) if is_head and weight.dim() == 6 else weight
    is_tiled = config.symmetry in ("uniform-motion", "magnitude") and weight.dim() == 4
    return torch.transpose(weight, -2, -1) if is_tiled else weight
