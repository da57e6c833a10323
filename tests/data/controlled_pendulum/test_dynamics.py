"""The controlled pendulum's motion: Gymnasium's own numbers, an independent solver, energy, period, and draws.

The pinned states were printed by Gymnasium 1's Pendulum-v1 (float64, its state set by hand, one call of ``step`` each).
"""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from data.controlled_pendulum.dynamics import draw_start, draw_torques, energy, episode, swung, tips

GYMNASIUM = [
    [0.3, -0.5], [0.3010820077498002, 0.02164015499600469], [0.30203477981044236, 0.019055441212843083],
    [0.31939243285652136, 0.34715306092158016], [0.3335247025903856, 0.2826453946772843],
    [0.3681835545684692, 0.6931770395616724], [0.4163394558432442, 0.963118025495501],
]  # fmt: skip


def test_states_are_gymnasiums():
    torques = np.array([2.0, -1.5, 0.7, -2.0, 1.1, 0.0, 9.0])  # the last one is felt by no state
    np.testing.assert_allclose(episode(np.array(GYMNASIUM[0]), torques), GYMNASIUM, rtol=1e-13)
    np.testing.assert_allclose(swung(np.array([0.5, 7.9]), np.array(2.0)), [0.9, 8.0], rtol=1e-15)


def test_in_small_steps_it_is_the_solution_of_the_equation():
    """theta'' = 3 g / (2 l) sin theta + 3 u / (m l^2), by scipy's solver; the rule's error is of the step's size."""
    start, push, steps = np.array([2.5, 0.4]), 1.5, 4000
    found = episode(start, np.full(steps + 1, push), 1.0 / steps)[-1]
    exact = solve_ivp(lambda _, s: [s[1], 15 * np.sin(s[0]) + 3 * push], (0, 1), start, rtol=1e-10, atol=1e-12).y[:, -1]
    np.testing.assert_allclose(found, exact, atol=5e-3)


def test_energy_is_conserved_without_a_torque_and_not_with_one():
    """The rule is of first order: half the step has half the error in energy."""

    def change(steps, torque):
        energies = energy(episode(np.array([1.0, 0.5]), np.full(steps, torque), 2.0 / steps))
        return np.abs(energies - energies[0]).max()

    assert change(4000, 0.0) < 0.01 and change(4000, 0.0) / change(2000, 0.0) == pytest.approx(0.5, rel=0.02)
    assert change(4000, 1.0) > 0.5


def test_a_rod_that_swings_little_about_its_lowest_place_has_its_period():
    """2 pi sqrt(2 l / (3 g)) = 2 pi / sqrt(15)."""
    steps = 4000
    found = episode(np.array([np.pi + 0.01, 0.0]), np.zeros(steps + 1), 2 * np.pi / np.sqrt(15) / steps)
    quarter = found[[0, steps // 4, steps // 2, steps], 0] - np.pi
    np.testing.assert_allclose(quarter, [0.01, 0, -0.01, 0.01], atol=3e-5)


def test_upright_is_zero_and_counter_clockwise_is_positive():
    np.testing.assert_allclose(tips(np.array([0, np.pi / 2, np.pi])), [[0, 1], [-1, 0], [0, -1]], atol=1e-15)
    assert energy(np.zeros(2)) == pytest.approx(5) and energy(np.array([0, 6.0])) == pytest.approx(5 + 6)


def test_draws_are_where_they_are_said_to_be():
    random = np.random.default_rng(0)
    starts = np.array([draw_start(random) for _ in range(2000)])
    assert (np.abs(starts) <= [np.pi, 1]).all() and (np.abs(starts).max(axis=0) > [3.1, 0.99]).all()
    torques = draw_torques(random, 11, 2.0, 4)
    assert len(torques) == 11 and len(set(torques)) == 3 and len(set(torques[:4])) == 1 and np.abs(torques).max() <= 2
    assert not draw_torques(random, 5, 0.0, 1).any()
