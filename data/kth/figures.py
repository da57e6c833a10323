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

CYCLE = {
    "walking": 27.0,
    "jogging": 20.0,
    "running": 14.0,
    "boxing": 15.0,
    "handwaving": 24.0,
    "handclapping": 20.0,
}
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


@dataclass(frozen=True)
class Pose:
    """A movement: chains of joints (t, n, 2), named and from back to front; and the head's centre (t, 2)."""

    chains: tuple[tuple[str, Array], ...]
    head: Array


def body_of(person: int) -> Body:
    """The body of a person, the same in every video."""
    draw = generator("kth-demo", "body", person).uniform
    return Body(
        height=draw(74, 90),
        thigh=draw(0.23, 0.27),
        shank=draw(0.22, 0.26),
        torso=draw(0.28, 0.33),
        upper_arm=draw(0.16, 0.19),
        forearm=draw(0.17, 0.21),
        shoulders=draw(0.17, 0.24),
        head=draw(0.06, 0.075),
        limb=draw(0.05, 0.075),
        tempo=draw(0.86, 1.14),
    )


def phases(action: str, body: Body, num_frames: int, rng: np.random.Generator) -> Array:
    """The angle in the cycle at every frame: a random start, and the action's, body's and moment's tempo."""
    tempo = body.tempo * rng.uniform(0.9, 1.1) / CYCLE[action]
    return 2 * np.pi * (rng.uniform() + tempo * np.arange(num_frames))


def pose_of(action: str, body: Body, phase: Array, rng: np.random.Generator) -> Pose:
    """The movement of ``body`` along ``phase`` with amplitudes drawn from ``rng``."""
    return _POSES[action](body, phase, rng)


def _walk(body: Body, phase: Array, rng: np.random.Generator) -> Pose:
    swing, arms = rng.uniform(0.36, 0.46), rng.uniform(0.25, 0.5)
    return _gait(body, phase, Gait(swing, knee=0.8, arms=arms, elbow=0.25, lean=0.03))


def _run(body: Body, phase: Array, rng: np.random.Generator) -> Pose:
    swing, knee = rng.uniform(0.5, 0.8), rng.uniform(1.2, 1.8)
    arms, elbow = rng.uniform(0.5, 0.9), rng.uniform(1.3, 1.8)
    return _gait(body, phase, Gait(swing, knee, arms, elbow, lean=rng.uniform(0.08, 0.2)))


@dataclass(frozen=True)
class Gait:
    """How far joints of a walking or running figure turn, radians."""

    swing: float
    knee: float
    arms: float
    elbow: float
    lean: float


def _gait(body: Body, phase: Array, gait: Gait) -> Pose:
    origin = np.zeros((len(phase), 2))
    legs = [_leg(body, origin, gait.swing * np.sin(side), gait.knee * _push(np.cos(side))) for side in _sides(phase)]
    hip = -_rise(legs)
    neck = hip + body.torso * np.array([np.sin(gait.lean), -np.cos(gait.lean)])
    hands = [_arm(body, neck, -gait.arms * np.sin(side), gait.elbow - 0.3 * np.sin(side)) for side in _sides(phase)]
    return _side_view(body, hip, neck, [leg + hip[:, None] for leg in legs], hands)


def _box(body: Body, phase: Array, rng: np.random.Generator) -> Pose:
    reach, guard, still = rng.uniform(1.35, 1.6), rng.uniform(2.1, 2.5), np.zeros(len(phase))
    origin = np.zeros((len(phase), 2))
    legs = [_leg(body, origin, still + thigh, still + 0.15) for thigh in (0.35, -0.15)]
    hip = -_rise(legs)
    hip[:, 0] += 0.02 * np.sin(phase)
    neck = hip + body.torso * np.array([0.1, -1.0])
    punches = [_push(np.sin(side)) for side in _sides(phase)]
    hands = [_arm(body, neck, 0.5 + (reach - 0.5) * punch, guard * (1 - punch)) for punch in punches]
    return _side_view(body, hip, neck, [leg + hip[:, None] for leg in legs], hands)


def _clap(body: Body, phase: Array, rng: np.random.Generator) -> Pose:
    spread = 0.5 + 0.5 * np.sin(phase)
    upper = 0.65 + (rng.uniform(1.2, 1.55) - 0.65) * spread
    return _front_view(body, upper, -rng.uniform(1.9, 2.2) * (1 - spread))


def _wave(body: Body, phase: Array, rng: np.random.Generator) -> Pose:
    low, high = rng.uniform(0.6, 1.1), rng.uniform(2.6, 2.95)
    lift = 0.5 + 0.5 * np.sin(phase)
    return _front_view(body, low + (high - low) * lift, rng.uniform(0.2, 0.5) * lift)


_POSES: dict[str, Callable[[Body, Array, np.random.Generator], Pose]] = {
    "walking": _walk,
    "jogging": _run,
    "running": _run,
    "boxing": _box,
    "handwaving": _wave,
    "handclapping": _clap,
}


def _side_view(body: Body, hip: Array, neck: Array, legs: list[Array], hands: list[Array]) -> Pose:
    trunk = np.stack([hip, neck], axis=1)
    behind, before = (("far arm", hands[1]), ("far leg", legs[1])), (("trunk", trunk), ("arm", hands[0]))
    return Pose((*behind, ("leg", legs[0]), *before), _head(body, neck, forward=0.02))


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
    return Pose(chains, _head(body, neck, forward=0.0))


def _leg(body: Body, hip: Array, thigh: Array, knee: Array) -> Array:
    shank = thigh - knee
    return _chain(hip, [thigh, shank, shank + 1.4], [body.thigh, body.shank, 0.06])


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


def _head(body: Body, neck: Array, forward: float) -> Array:
    return neck + [forward, -body.head - 0.025]


def _sides(phase: Array) -> tuple[Array, Array]:
    return phase, phase + np.pi


def _push(wave: Array) -> Array:
    return np.maximum(wave, 0.0)
