"""Trajectories of small systems: right physics, and starts where they are said to be."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from data.systems.dynamics import draw_starts, energy, trajectories


def test_a_spring_turns_in_the_plane_as_its_solution_does():
    starts = np.array([[0.3, 0.4], [1.0, 0.0]])
    found = trajectories("ideal-spring", starts, 16, 3.0)
    angle = 2 * np.linspace(0, 3, 16)[None]
    q, p = starts[:, :1], starts[:, 1:]
    expected = np.stack([q * np.cos(angle) + p * np.sin(angle), p * np.cos(angle) - q * np.sin(angle)], axis=-1)
    np.testing.assert_allclose(found, expected, atol=1e-8)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**16), system=st.sampled_from(["ideal-pendulum", "ideal-spring"]))
def test_energy_is_conserved_and_radii_are_the_systems(seed, system):
    starts = draw_starts(system, 8, np.random.default_rng(seed))
    radii = np.linalg.norm(starts, axis=1)
    low, high = {"ideal-pendulum": (1.3, 2.3), "ideal-spring": (0.1, 1.0)}[system]
    assert (low <= radii).all() and (radii <= high).all()
    found = energy(system, trajectories(system, starts, 16, 3.0))
    np.testing.assert_allclose(found, found[:, :1].repeat(16, axis=1), atol=1e-6)


def test_a_pendulum_that_swings_little_has_its_period():
    """q'' = -2 * 3 sin q: a period of 2 pi / sqrt(6)."""
    found = trajectories("ideal-pendulum", np.array([[0.01, 0.0]]), 3, 2 * np.pi / np.sqrt(6))[0]
    np.testing.assert_allclose(found, [[0.01, 0], [-0.01, 0], [0.01, 0]], atol=1e-6)
