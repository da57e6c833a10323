"""What trajectories conserve best: the energies of both systems, from noisy states, and constants in closed form."""

import numpy as np
import pytest
import torch

from data.systems.prepare import observed
from fernn.config import SystemConfig
from fernn.models.formulas.screening import best_formulas, fitted, least_share, rounded, share_within
from fernn.models.formulas.tree import parse


def states(system, noise=0.1):
    return torch.from_numpy(observed(SystemConfig(system, noise=noise), "train"))


@pytest.mark.parametrize(("system", "units", "formula"), [
    ("ideal-pendulum", "angle", "p**2 - 3.07*cos(q)"), ("ideal-spring", "length", "q**2 + 1.03*p**2"),
])  # fmt: skip
def test_the_energy_is_conserved_best_by_noisy_states(system, units, formula):
    best = best_formulas(states(system), units)
    assert str(best[0].formula) == formula and len({str(one.formula) for one in best}) == 20
    shares = [one.share for one in best]
    assert shares == sorted(shares) and 0 < shares[0] < 0.15
    (alone,) = best_formulas(states(system), units, count=1)
    assert alone == best[0]


def test_without_noise_the_constant_is_exact_and_nothing_varies():
    best = best_formulas(states("ideal-pendulum", noise=0.0), "angle", count=1)[0]
    assert str(best.formula) == "p**2 - 3.0*cos(q)" and best.share < 1e-10


def test_the_share_within_is_0_for_a_number_of_the_trajectory_and_1_where_all_have_one_mean():
    one_each = torch.arange(4.0)[:, None].expand(4, 5)
    assert share_within(one_each) == 0 and share_within(one_each.T) == 1
    mixed = torch.randn(3, 6, 7, dtype=torch.float64)
    within, total = mixed.numpy().var(axis=2).mean(axis=1), mixed.numpy().reshape(3, -1).var(axis=1)
    np.testing.assert_allclose(share_within(mixed), within / total)


def test_the_closed_form_finds_the_least_share_of_all_constants():
    first, second = torch.randn(2, 5, 6, 7, dtype=torch.float64)
    first += torch.arange(6)[:, None]
    share, factor = least_share(first, second)
    grid = torch.linspace(-20, 20, 4001)
    shares = torch.stack([share_within(first + c * second) for c in grid])
    found = share_within(first + factor[:, None, None] * second)
    usable = share < 1
    assert usable.any() and torch.allclose(found[usable], share[usable])
    assert (share[usable] <= shares.min(dim=0).values[usable] + 1e-9).all()


def test_a_quotient_without_a_number_for_some_state_is_never_the_best():
    of_spring = states("ideal-spring", noise=0.0)
    of_spring[0, 0] = 0.0
    assert share_within(parse("q / p").of(of_spring)).isnan()
    assert all(torch.isfinite(one.formula.of(of_spring)).all() for one in best_formulas(of_spring, "length"))


def test_a_term_that_counts_for_nothing_is_left_to_the_shorter_formula():
    energy = torch.arange(4.0)[None, :, None] + torch.zeros(1, 4, 5)
    assert least_share(energy, torch.randn(1, 4, 5))[0].item() == 1


def test_constants_inside_are_fitted_and_rounded():
    near = parse("p**2 - 2*cos(0.8*q)")
    formula = fitted(near, states("ideal-pendulum", noise=0.0))
    assert formula.constants() == pytest.approx([-3, 1], rel=1e-2)
    assert rounded(parse("-2.98765*cos(0.000123456*q)")).constants() == [-2.99, 0.000123]
    assert fitted(parse("p*q"), states("ideal-spring")) == parse("p*q")
