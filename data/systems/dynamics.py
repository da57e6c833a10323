"""An ideal pendulum and an ideal spring: equations of motion, energies, and an integrator.

Source: Greydanus et al., "Hamiltonian Neural Networks", NeurIPS 2019, tasks 1 and 2: H = p^2 + 3 (1 - cos q) and
H = p^2 + q^2, started at radii from 1.3 to 2.3 and from 0.1 to 1 of the (q, p) plane, in any direction.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

States = NDArray[np.float64]
SUBSTEPS = 20
"""Integration steps between two observed states."""
RADII = {"ideal-pendulum": (1.3, 2.3), "ideal-spring": (0.1, 1.0)}
GRAVITY = 3.0


def motion(system: str, states: States) -> States:
    """dq/dt = dH/dp = 2 p and dp/dt = -dH/dq of states (..., 2)."""
    q, p = states[..., 0], states[..., 1]
    force = -GRAVITY * np.sin(q) if system == "ideal-pendulum" else -2 * q
    return np.stack([2 * p, force], axis=-1)


def energy(system: str, states: States) -> States:
    """H of states (..., 2)."""
    q, p = states[..., 0], states[..., 1]
    return p**2 + (GRAVITY * (1 - np.cos(q)) if system == "ideal-pendulum" else q**2)


def trajectories(system: str, starts: States, num_states: int, duration: float) -> States:
    """The states (n, num_states, 2) from ``starts`` (n, 2) on, at equal intervals, by the classical Runge-Kutta method.

    Twenty steps an interval: the energy keeps to 1e-6 over the intervals that are used here.
    """
    step = duration / (num_states - 1) / SUBSTEPS
    reached = [starts]
    for _ in range(num_states - 1):
        states = reached[-1]
        for _ in range(SUBSTEPS):
            states = runge_kutta(lambda now: motion(system, now), states, step)
        reached.append(states)
    return np.stack(reached, axis=1)


def runge_kutta(slope: Callable[[States], States], states: States, step: float) -> States:
    """One step of the classical method of fourth order."""
    first = slope(states)
    second = slope(states + step / 2 * first)
    third = slope(states + step / 2 * second)
    fourth = slope(states + step * third)
    return states + step / 6 * (first + 2 * second + 2 * third + fourth)


def draw_starts(system: str, count: int, random: np.random.Generator) -> States:
    """``count`` first states (n, 2): any direction, radius uniform; the first n are the same whatever the count."""
    angle, share = random.random((count, 2)).T
    low, high = RADII[system]
    return (low + (high - low) * share)[:, None] * np.stack([np.cos(2 * np.pi * angle), np.sin(2 * np.pi * angle)], 1)
