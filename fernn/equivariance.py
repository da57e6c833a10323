"""Flow equivariance: the law as a measured error and as an assertion of any network, and held against a trained one."""

import math
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from fernn.flows import Flow
from fernn.models.base import ModelConfig
from fernn.train.run import Run, autocast, evaluating, to_unit

HiddenStates = Callable[[Tensor], Iterable[Tensor]]
NUM_CLIPS = 2
OWN, CIRCULAR = "own", "circular"
"""The network as it is, and its weights in a network whose embedding wraps as the flow does."""
TOLERANCE: Mapping[str, float] = {"float32": 1e-4, "float64": 1e-10, "tf32": 5e-2, "bf16": 5e-2}
"""Largest error that rounding explains, by precision: its unit, grown over some tens of frames by a recurrent network
that is not contracting. Measured on trained networks of 8 frames, on a CPU: up to 2e-15 in float64."""


def drift(flow: Flow, clips: Tensor, velocity: Any) -> Tensor:
    """Clips (b, t, c, h, w) set in motion: frame t is psi_t(velocity) of frame t."""
    return torch.stack([flow.act(clips[:, t], velocity, t) for t in range(clips.shape[1])], dim=1)


@torch.no_grad()
def equivariance_error(hidden_states: HiddenStates, flow: Flow, clips: Tensor, velocity: Any) -> float:
    """Largest deviation from the law of flow equivariance, relative to the largest hidden value.

    The law: h[psi(w) f]_t(v) = psi_t(w) h[f]_t(v - w) for every frame t and every v with v - w in V.
    ``hidden_states`` maps clips (b, t, c, h, w) to h_0, h_1, ..., each (v, b, c, h, w). Put the model in
    eval mode first: BatchNorm's training statistics see the border. Raises ValueError where no v has
    v - w in V.
    """
    pairs = [
        (index, flow.velocities.index(flow.difference(v, velocity)))
        for index, v in enumerate(flow.velocities)
        if flow.difference(v, velocity) in flow.velocities
    ]
    if not pairs:
        raise ValueError(f"velocity {velocity} leads out of V from everywhere: nothing can be compared")
    targets, sources = zip(*pairs, strict=True)
    largest = scale = 0.0
    states = zip(hidden_states(clips), hidden_states(drift(flow, clips, velocity)), strict=True)
    for time, (still, moving) in enumerate(states):
        expected = flow.act_hidden(still[list(sources)], velocity, time)
        difference = (moving[list(targets)] - expected).abs().max().item()
        if math.isnan(difference):
            return math.nan
        largest, scale = max(largest, difference), max(scale, still.abs().max().item())
    if largest == 0:
        return 0.0
    return largest / scale if scale else math.inf


def assert_flow_equivariant(
    hidden_states: HiddenStates, flow: Flow, clips: Tensor, velocity: Any, tolerance: float
) -> None:
    """AssertionError with the measured error where the law does not hold to ``tolerance``."""
    error = equivariance_error(hidden_states, flow, clips, velocity)
    if not error <= tolerance:
        raise AssertionError(f"equivariance error {error:.3g} for velocity {velocity}, tolerance {tolerance:.3g}")


def law_errors(run: Run, clips: Tensor) -> dict[str, float]:
    """Equivariance errors of the run's network on the first of the ``clips``, by "padding/precision".

    The padding is the network's "own" and "circular", on the same weights; the precision float32, float64 and the one
    that it was trained in. Each is the larger of those for V's first and last velocity, see
    :func:`equivariance_error`. Empty for a network without a flow, or with V = {0}.
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


def flow_of(model: Any) -> Flow | None:
    """The flow that the network's hidden states follow, None where they follow none.

    A network is measured by three of its attributes: ``flow``, ``hidden_states``, as :func:`equivariance_error` wants
    them, and ``is_equivariant``, whether the law holds to rounding.
    """
    is_measured = all(hasattr(model, name) for name in ("flow", "hidden_states", "is_equivariant"))
    return model.flow if is_measured else None


def circular_twin(model: Any, config: ModelConfig) -> nn.Module | None:
    """The exactly equivariant network with the same weights: the network itself, another, or None."""
    if model.is_equivariant:
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
