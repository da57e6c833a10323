"""How far a trained network keeps the law of flow equivariance: measured, and held against what arithmetic allows."""

import math
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from fernn.equivariance.error import HiddenStates, equivariance_error
from fernn.flows import Flow
from fernn.models.base import ModelConfig
from fernn.train.run import Run, autocast, evaluating, to_unit

NUM_CLIPS = 2
OWN, CIRCULAR = "own", "circular"
"""The network as it is, and its weights in a network whose embedding wraps as the flow does."""
TOLERANCE: Mapping[str, float] = {"float32": 1e-4, "float64": 1e-10, "tf32": 5e-2, "bf16": 5e-2}
"""Largest error that rounding explains, by precision: its unit, grown over some tens of frames by a recurrent network
that is not contracting. Measured on trained networks of 8 frames, on a CPU: up to 2e-15 in float64."""


@runtime_checkable
class FlowEquivariant(Protocol):
    """A network whose hidden states ride along with a flow."""

    @property
    def flow(self) -> Flow | None:
        """The flow and its V, None where the states follow none."""

    @property
    def is_equivariant(self) -> bool:
        """Whether the law holds to rounding."""

    @property
    def hidden_states(self) -> HiddenStates:
        """h_0, h_1, ... of clips (b, t, c, h, w), each (v, b, c, h, w)."""


def law_errors(run: Run, clips: Tensor) -> dict[str, float]:
    """Equivariance errors of the run's network on the first of the ``clips``, by "padding/precision".

    The padding is the network's "own" and "circular", on the same weights; the precision float32, float64 and the one
    that it was trained in. Each is the larger of those for V's first and last velocity, see
    :func:`fernn.equivariance.error.equivariance_error`. Empty for a network without a flow, or with V = {0}.
    """
    flow = flow_of(run.model)
    if flow is None or len(flow.velocities) < 2:
        return {}
    precision = run.experiment.precision
    is_tf32 = precision == "float32" and run.device.type == "cuda"  # as PyTorch rounds a GPU's convolutions
    first, precisions = to_unit(clips[:NUM_CLIPS], run.device), ("float32", "float64", "tf32" if is_tf32 else precision)
    twin = circular_twin(run.model, run.experiment.model)
    measured = {OWN: _errors(run.model, flow, first, precisions)}
    if twin is not None:
        measured[CIRCULAR] = measured[OWN] if twin is run.model else _errors(twin, flow, first, precisions)
    return {f"{padding}/{name}": error for padding, errors in measured.items() for name, error in errors.items()}


def flow_of(model: nn.Module) -> Flow | None:
    """The flow that the network's hidden states follow, None where they follow none."""
    return model.flow if isinstance(model, FlowEquivariant) else None


def circular_twin(model: nn.Module, config: ModelConfig) -> nn.Module | None:
    """The exactly equivariant network with the same weights: the network itself, another, or None."""
    if isinstance(model, FlowEquivariant) and model.is_equivariant:
        return model
    if getattr(config, "embedding_padding", None) != "zeros":
        return None
    device = next(model.parameters()).device
    twin = replace(config, embedding_padding="circular").build().to(device)  # type: ignore[call-arg]
    twin.load_state_dict(model.state_dict())
    return twin


def _errors(network: nn.Module, flow: Flow, clips: Tensor, precisions: Iterable[str]) -> dict[str, float]:
    with evaluating(network):
        return {precision: _error(network, flow, clips, precision) for precision in dict.fromkeys(precisions)}


def _error(network: Any, flow: Flow, clips: Tensor, precision: str) -> float:
    if precision == "float64":
        network, clips = deepcopy(network).double(), clips.double()
    corners = dict.fromkeys((flow.velocities[0], flow.velocities[-1]))
    tf32 = torch.backends.cudnn.flags(enabled=True, allow_tf32=precision == "tf32")  # else as float32 says
    with tf32, autocast(clips.device, "bf16" if precision == "bf16" else "float32"):
        errors = [equivariance_error(network.hidden_states, flow, clips, velocity) for velocity in corners]
    return math.nan if any(map(math.isnan, errors)) else max(errors)


def breaches(errors: Mapping[str, float]) -> list[str]:
    """Where the law does not hold though nothing is padded with zeros, in words; empty where it holds."""
    circular = {precision: errors[name] for precision in TOLERANCE if (name := f"{CIRCULAR}/{precision}") in errors}
    return [
        f"equivariance error {error:.1e} in {precision}, tolerance {TOLERANCE[precision]:.0e}"
        for precision, error in circular.items()
        if not error <= TOLERANCE[precision]
    ]
