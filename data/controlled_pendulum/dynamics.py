"""A rod that swings about its end and is pushed by torques: one step, episodes, energy, and where its tip is.

Equations, constants and first states are those of Pendulum-v1 in Gymnasium 1 (envs/classic_control/pendulum.py): a rod
of 1 m and 1 kg, gravity 10 m/s^2, an angle of 0 for the rod upright, positive counter-clockwise, and a step of 0.05 s.
"""

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
GRAVITY, MASS, LENGTH = 10.0, 1.0, 1.0
STEP = 0.05
"""Seconds between two frames."""
FASTEST = 8.0
"""The largest angular velocity, rad/s; a faster one is cut off."""


def acceleration(angle: Numbers, torque: Numbers) -> Numbers:
    """3 g / (2 l) sin(angle) + 3 / (m l^2) torque, rad/s^2: a rod's moment of inertia is m l^2 / 3."""
    return 1.5 * GRAVITY / LENGTH * np.sin(angle) + 3 / (MASS * LENGTH**2) * torque


def swung(states: Numbers, torques: Numbers, step: float = STEP) -> Numbers:
    """The states (..., 2), angle and angular velocity, after one step: the velocity first, and the angle with it."""
    angle, velocity = states[..., 0], states[..., 1]
    velocity = np.clip(velocity + step * acceleration(angle, torques), -FASTEST, FASTEST)
    return np.stack([angle + step * velocity, velocity], axis=-1)


def episode(start: Numbers, torques: Numbers, step: float = STEP) -> Numbers:
    """The states (t, 2) from ``start`` (2,) on; torque i of ``torques`` (t,) acts from state i to i + 1."""
    states = [start]
    for torque in torques[:-1]:
        states.append(swung(states[-1], torque, step))
    return np.stack(states)


def energy(states: Numbers) -> Numbers:
    """m l^2 / 6 velocity^2 + m g l / 2 cos(angle) of states (..., 2), J."""
    angle, velocity = states[..., 0], states[..., 1]
    return MASS * LENGTH**2 / 6 * velocity**2 + MASS * GRAVITY * LENGTH / 2 * np.cos(angle)


def tips(angles: Numbers) -> Numbers:
    """Where the rod's tip is, (x, y) to the right and up from its pivot, m: (..., 2)."""
    return LENGTH * np.stack([-np.sin(angles), np.cos(angles)], axis=-1)


def draw_start(random: np.random.Generator) -> Numbers:
    """A first state (2,): any angle, and a velocity of up to 1 rad/s."""
    return random.uniform([-np.pi, -1.0], [np.pi, 1.0])


def draw_torques(random: np.random.Generator, count: int, largest: float, lasting: int) -> Numbers:
    """``count`` torques (count,) in [-largest, largest), each for ``lasting`` steps."""
    return random.uniform(-largest, largest, -(-count // lasting)).repeat(lasting)[:count]
