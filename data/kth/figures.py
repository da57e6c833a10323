"""Stick figures doing KTH's six actions: bodies, their movements, and how they are drawn.

Poses are in units of the body's height; x points where the figure faces, y down, and the origin is on
the ground below the hip. Angles are in radians from straight down, positive forward. Jogging and
running share one family of poses and differ in tempo, stride and speed alone, so that one frame does
not tell them apart.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fernn.seeding import generator

Array = NDArray[np.float64]

CYCLE = {"walking": 27.0, "jogging": 20.0, "running": 14.0, "boxing": 15.0, "handwaving": 24.0, "handclapping": 20.0}
"""Frames in one cycle of the movement, for a figure of tempo 1."""

STRIDE = {"walking": (0.55, 0.75), "jogging": (0.75, 1.05), "running": (0.9, 1.2)}
"""Least and greatest way in one cycle, in body heights; an action that is not here stays in place."""


@dataclass(frozen=True)
class Body:
    """The proportions of a person, in units of its ``height`` in pixels, and its tempo."""

    height: float
    thigh: float
    shank: float
    torso: float
    upper_arm: float
    forearm: float
    shoulders: float
    head: float
    limb: float
    tempo: float


SMALLEST = (74, 0.23, 0.22, 0.28, 0.16, 0.17, 0.17, 0.06, 0.05, 0.86)
LARGEST = (90, 0.27, 0.26, 0.33, 0.19, 0.21, 0.24, 0.075, 0.075, 1.14)
"""Between which a body is drawn, in the order of its fields."""


@dataclass(frozen=True)
class Pose:
    """A movement: chains of joints (t, n, 2), named and from back to front; and the head's centre (t, 2)."""

    chains: tuple[tuple[str, Array], ...]
    head: Array


def body_of(person: int) -> Body:
    """The body of a person, the same in every video."""
    return Body(*generator("kth-demo", "body", person).uniform(SMALLEST, LARGEST).tolist())


def phases(action: str, body: Body, num_frames: int, rng: np.random.Generator) -> Array:
    """The angle in the cycle at every frame: a random start, and the action's, body's and moment's tempo."""
    tempo = body.tempo * rng.uniform(0.9, 1.1) / CYCLE[action]
    return 2 * np.pi * (rng.uniform() + tempo * np.arange(num_frames))


def _walk(body: Body, phase: Array, rng: np.random.Generator) -> Pose:
    swing, arms = rng.uniform(0.36, 0.46), rng.uniform(0.25, 0.5)
    return _gait(body, phase, (swing, 0.8), (arms, 0.25), lean=0.03)


def _run(body: Body, phase: Array, rng: np.random.Generator) -> Pose:
    swing, knee = rng.uniform(0.5, 0.8), rng.uniform(1.2, 1.8)
    arms, elbow = rng.uniform(0.5, 0.9), rng.uniform(1.3, 1.8)
    return _gait(body, phase, (swing, knee), (arms, elbow), lean=rng.uniform(0.08, 0.2))


def _gait(body: Body, phase: Array, leg: tuple[float, float], arm: tuple[float, float], lean: float) -> Pose:
    """A walking or running figure: thigh and knee, upper arm and elbow turn so far, and the trunk leans, in radians."""
    sides, (swing, knee), (arms, elbow) = (phase, phase + np.pi), leg, arm
    legs = [_leg(body, swing * np.sin(side), knee * np.maximum(np.cos(side), 0.0)) for side in sides]
    hip = -_rise(legs)
    neck = hip + body.torso * np.array([np.sin(lean), -np.cos(lean)])
    hands = [_arm(body, neck, -arms * np.sin(side), elbow - 0.3 * np.sin(side)) for side in sides]
    return _side_view(body, hip, neck, legs, hands)


def _box(body: Body, phase: Array, rng: np.random.Generator) -> Pose:
    reach, guard, still = rng.uniform(1.35, 1.6), rng.uniform(2.1, 2.5), np.zeros(len(phase))
    legs = [_leg(body, still + thigh, still + 0.15) for thigh in (0.35, -0.15)]
    hip = -_rise(legs)
    hip[:, 0] += 0.02 * np.sin(phase)
    neck = hip + body.torso * np.array([0.1, -1.0])
    punches = [np.maximum(np.sin(side), 0.0) for side in (phase, phase + np.pi)]
    hands = [_arm(body, neck, 0.5 + (reach - 0.5) * punch, guard * (1 - punch)) for punch in punches]
    return _side_view(body, hip, neck, legs, hands)


def _clap(body: Body, phase: Array, rng: np.random.Generator) -> Pose:
    spread = 0.5 + 0.5 * np.sin(phase)
    upper = 0.65 + (rng.uniform(1.2, 1.55) - 0.65) * spread
    return _front_view(body, upper, -rng.uniform(1.9, 2.2) * (1 - spread))


def _wave(body: Body, phase: Array, rng: np.random.Generator) -> Pose:
    low, high = rng.uniform(0.6, 1.1), rng.uniform(2.6, 2.95)
    lift = 0.5 + 0.5 * np.sin(phase)
    return _front_view(body, low + (high - low) * lift, rng.uniform(0.2, 0.5) * lift)


POSES: dict[str, Callable[[Body, Array, np.random.Generator], Pose]] = {
    "walking": _walk,
    "jogging": _run,
    "running": _run,
    "boxing": _box,
    "handwaving": _wave,
    "handclapping": _clap,
}
"""The movement of a body along phases of each action, with amplitudes drawn from a generator."""


def _side_view(body: Body, hip: Array, neck: Array, legs: list[Array], hands: list[Array]) -> Pose:
    near, far = (leg + hip[:, None] for leg in legs)
    trunk = np.stack([hip, neck], axis=1)
    chains = (("far arm", hands[1]), ("far leg", far), ("leg", near), ("trunk", trunk), ("arm", hands[0]))
    return Pose(chains, neck + [0.02, -body.head - 0.025])


def _front_view(body: Body, upper: Array, bend: Array) -> Pose:
    still = np.zeros(len(upper))
    hip = np.zeros((len(upper), 2)) - [0.0, body.thigh + body.shank]
    neck = hip - [0.0, body.torso]
    trunk = np.stack([hip, neck + [0.0, 0.02]], axis=1)
    legs, arms = [], []
    for s in (-1, 1):
        shoulder = neck + [s * body.shoulders / 2, 0.02]
        legs.append(_chain(hip + [0.04 * s, 0.0], [still + 0.07 * s] * 2, [body.thigh, body.shank]))
        arms.append(_chain(shoulder, [s * upper, s * (upper + bend)], [body.upper_arm, body.forearm]))
    chains = (("leg", legs[0]), ("leg", legs[1]), ("trunk", trunk), ("arm", arms[0]), ("arm", arms[1]))
    return Pose(chains, neck + [0.0, -body.head - 0.025])


def _leg(body: Body, thigh: Array, knee: Array) -> Array:
    """A leg below a hip at the origin."""
    shank = thigh - knee
    return _chain(np.zeros((len(thigh), 2)), [thigh, shank, shank + 1.4], [body.thigh, body.shank, 0.06])


def _arm(body: Body, neck: Array, upper: Array, elbow: Array) -> Array:
    return _chain(neck + [0.0, 0.03], [upper, upper + elbow], [body.upper_arm, body.forearm])


def _chain(root: Array, angles: list[Array], lengths: list[float]) -> Array:
    joints = [root]
    for angle, length in zip(angles, lengths, strict=True):
        joints.append(joints[-1] + length * np.stack([np.sin(angle), np.cos(angle)], axis=1))
    return np.stack(joints, axis=1)


def _rise(legs: list[Array]) -> Array:
    """How far the hip is above the ground, (0, y), when the lower foot stands on it."""
    lowest = np.max([leg[:, 2, 1] for leg in legs], axis=0)
    return np.stack([np.zeros_like(lowest), lowest], axis=1)
