"""Networks of the published FERNN code (akandykeller/FERNN, commit 7def7bc) as networks of ours."""

import re
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from fernn.flows import TranslationFlow
from fernn.flows.translation import parse_velocities
from fernn.layers.cell import FERNNCell, LearnedKernelCell, LearnedKernels
from fernn.models.cnn3d import CNN3D
from fernn.models.fernn import build_recurrent

Weights = Mapping[str, Tensor]
Velocities = Sequence[Sequence[int]] | None

STAGES_3D = {"st1": 0, "st2.0": 1, "st2.1": 2, "st3.0": 3, "st3.1": 4}


def from_reference(state_dict: Weights, *, task: str, velocities: Velocities = None) -> nn.Module:
    """Our network with the weights of one that the published code saved.

    ``task`` is "kth". ``velocities`` is the published model's ``v_list`` of (vy, vx) pairs, None for
    the 3D-CNN. Widths and depth are read from the shapes. The published KTH code moves a slice by
    -v, ours by +v: the slices here are those of the negated list, in the same order.
    Raises ValueError where weights and arguments do not fit each other.
    """
    if task != "kth":
        raise ValueError(f"task must be 'kth', got {task!r}")
    model = _cnn3d(state_dict) if velocities is None else _recurrent(state_dict, velocities)
    dtype = next(weight.dtype for weight in state_dict.values() if weight.is_floating_point())
    return _loaded(model.to(dtype), state_dict)


def read_reference(path: str) -> dict[str, Tensor]:
    """The state dict that the published code saved with ``torch.save``: tensors only, never code."""
    return torch.load(path, map_location="cpu", weights_only=True)


def _cnn3d(weights: Weights) -> nn.Module:
    first, head = _need(weights, "st1.0.weight"), _need(weights, "head.weight")
    return CNN3D(first.shape[1], first.shape[0], head.shape[0])


def _recurrent(weights: Weights, velocities: Sequence[Sequence[int]]) -> nn.Module:
    _need(weights, "lstm.conv_u_first.0.weight")
    embedding = [w for name, w in sorted(weights.items()) if "conv_u_first" in name and w.dim() == 4]
    widths = (embedding[0].shape[1], *(w.shape[0] for w in embedding))
    depth = sum(name.startswith("lstm.conv_h_layers.") for name in weights)
    cells = _cells(weights, velocities, widths[-1], depth)
    return build_recurrent(widths, cells, _need(weights, "fc.weight").shape[0], "zeros")


def _cells(
    weights: Weights, velocities: Sequence[Sequence[int]], channels: int, depth: int
) -> list[FERNNCell] | list[LearnedKernelCell]:
    for name in ("lstm.shift_kernels", "lstm.learned_kernels"):
        if name in weights and len(weights[name]) != len(velocities):
            raise ValueError(f"velocities must have {len(weights[name])} entries, as {name}, got {len(velocities)}")
    if "lstm.learned_kernels" not in weights:
        flow = TranslationFlow(tuple((-vy, -vx) for vy, vx in parse_velocities(velocities)))
        return [FERNNCell(flow, channels) for _ in range(depth)]
    num_kernels, _, height, width = weights["lstm.learned_kernels"].shape
    kernels = LearnedKernels(num_kernels, height, width)
    return [LearnedKernelCell(kernels, channels) for _ in range(depth)]


def _loaded(model: nn.Module, weights: Weights) -> nn.Module:
    """``model`` with the renamed weights; fixed shift kernels are not weights and are left out."""
    ours: dict[str, Tensor] = {}
    for name, weight in weights.items():
        if name == "lstm.learned_kernels":
            ours |= {key: weight for key in model.state_dict() if key.endswith(".kernels.weight")}
        elif name != "lstm.shift_kernels":
            ours[renamed(name)] = weight
    try:
        model.load_state_dict(ours)
    except RuntimeError as error:
        raise ValueError(f"the weights do not fit the published {type(model).__name__}: {error}") from error
    return model


def renamed(name: str) -> str:
    """Our name of a published parameter or buffer."""
    if match := re.fullmatch(r"lstm\.conv_u_first\.(\d+)\.(\w+)", name):
        return _embedding_name("embedding", int(match[1]), match[2])
    if match := re.fullmatch(r"lstm\.conv_u_layers\.(\d+)\.(\d+)\.(\w+)", name):
        return _embedding_name(f"between.{match[1]}", int(match[2]), match[3])
    if match := re.fullmatch(r"lstm\.conv_h_layers\.(\d+)\.0\.weight", name):
        return f"cells.{match[1]}.convolution.weight"
    if match := re.fullmatch(r"(st1|st[23]\.[01])\.(\d)\.(\w+)", name):
        return f"stages.{STAGES_3D[match[1]]}.{match[2]}.{match[3]}"
    return re.sub(r"^fc\.", "head.", name)


def _embedding_name(prefix: str, position: int, leaf: str) -> str:
    """A convolution stands at 0, 3, 6, ... of the published Sequential, its BatchNorm one further."""
    kind = "convolutions" if position % 3 == 0 else "norms"
    return f"{prefix}.{kind}.{position // 3}.{leaf}"


def _need(weights: Weights, name: str) -> Tensor:
    if name not in weights:
        raise ValueError(f"the weights have no {name!r}: give velocities for a recurrent network, None for the 3D-CNN")
    return weights[name]
