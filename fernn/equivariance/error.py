"""The law of flow equivariance, as a measured error and as an assertion, for tests and for users."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from fernn.flows import Flow

HiddenStates = Callable[[Tensor], Iterable[Tensor]]


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
