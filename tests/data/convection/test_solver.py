"""The solver of convection: balances that hold on the grid, onset and heat transport as theory and others have them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.convection.balance import (
    WAYS,
    buoyancy_work,
    energy_dissipation,
    kinetic_energy,
    nusselt,
    temperature_dissipation,
)
from data.convection.solver import COLD, HOT, Layer, State

CRITICAL_WAVELENGTH = 2 * np.pi / 3.117
SHAPES = st.sampled_from([(8, 12), (6, 9), (5, 16)])  # odd numbers of rows and columns, too


def layer_of(shape, rayleigh=1e5, width=1.7):
    return Layer(rayleigh, 0.71, *shape, width)


def any_state(layer, seed):
    """Whatever has no divergence and does not cross the walls."""
    random = np.random.default_rng(seed)
    w = random.standard_normal((layer.rows + 1, layer.columns))
    w[[0, -1]] = 0
    u, w = layer.projected(random.standard_normal((layer.rows, layer.columns)), w)
    return State(u, w, random.standard_normal((layer.rows, layer.columns)))


def rolls(layer, size):
    """A layer at rest, its temperature disturbed by one pair of rolls."""
    x, z = (np.arange(layer.columns) + 0.5) / layer.columns, (np.arange(layer.rows) + 0.5) / layer.rows
    return layer.at_rest(size * np.sin(np.pi * z)[:, None] * np.cos(2 * np.pi * x))


@settings(max_examples=10, deadline=None)
@given(shape=SHAPES, seed=st.integers(0, 2**16))
def test_the_projection_leaves_no_divergence_and_changes_nothing_that_has_none(shape, seed):
    layer = layer_of(shape)
    state = any_state(layer, seed)
    assert np.abs(layer.divergence(state.u, state.w)).max() < 1e-12
    assert (state.w[[0, -1]] == 0).all()
    again = layer.projected(state.u, state.w)
    np.testing.assert_allclose(again[0], state.u, atol=1e-13)
    np.testing.assert_allclose(again[1], state.w, atol=1e-13)


@settings(max_examples=10, deadline=None)
@given(shape=SHAPES, seed=st.integers(0, 2**16))
def test_energy_changes_by_what_buoyancy_gives_and_viscosity_takes(shape, seed):
    layer = layer_of(shape)
    state = any_state(layer, seed)
    slope = layer.slope(state)
    change = (state.u * slope.u).mean() + (state.w * slope.w).sum() / slope.u.size
    assert change == pytest.approx(buoyancy_work(layer, state) - energy_dissipation(layer, state), rel=1e-10)


@settings(max_examples=10, deadline=None)
@given(shape=SHAPES, seed=st.integers(0, 2**16))
def test_heat_changes_by_what_enters_and_its_variance_by_what_diffusion_takes(shape, seed):
    layer = layer_of(shape)
    state = any_state(layer, seed)
    slope = layer.slope(state)
    flux = layer.heat_flux(state).mean(axis=1)
    assert slope.temperature.mean() == pytest.approx(flux[0] - flux[-1], rel=1e-10)
    entering = HOT * flux[0] - COLD * flux[-1]
    change = (state.temperature * slope.temperature).mean()
    assert change == pytest.approx(entering - temperature_dissipation(layer, state), rel=1e-10)


def test_energy_balances_over_time_with_the_order_of_the_steps():
    """What came in and went out over a while, by Simpson's rule, is what is there afterwards, but for O(step^3)."""
    layer = layer_of((8, 12), 1e4)
    begin = layer.advanced(rolls(layer, 0.3), 3)
    lost = []
    for num_steps in (20, 40):
        state, step, flows = begin, 1 / num_steps, []
        for _ in range(num_steps):
            flows.append(buoyancy_work(layer, state) - energy_dissipation(layer, state))
            state = layer.stepped(state, step)
        flows.append(buoyancy_work(layer, state) - energy_dissipation(layer, state))
        total = (flows[0] + flows[-1] + 4 * sum(flows[1::2]) + 2 * sum(flows[2:-1:2])) * step / 3
        lost.append(abs(kinetic_energy(layer, state) - kinetic_energy(layer, begin) - total))
    assert lost[0] < 1e-5 and lost[1] < lost[0] / 6


def growth(rows, rayleigh):
    """By how much small rolls of the critical wavelength grow in a unit of time."""
    layer = Layer(rayleigh, 0.71, rows, rows, CRITICAL_WAVELENGTH)
    state = layer.advanced(rolls(layer, 1e-6), 10)
    later = layer.advanced(state, 5)
    return float(np.log(np.abs(later.w).max() / np.abs(state.w).max()) / 5)


def test_convection_begins_at_the_rayleigh_number_that_theory_has():
    """Where growth crosses 0, on two grids; the error is of second order, so a third of their difference goes on."""
    found = []
    for rows in (8, 16):
        slow, fast = growth(rows, 1500), growth(rows, 1800)
        assert slow < 0 < fast
        found.append(1500 + 300 * slow / (slow - fast))
    assert found[1] + (found[1] - found[0]) / 3 == pytest.approx(1707.76, rel=0.005)


def test_steady_rolls_carry_the_heat_that_others_found_however_it_is_measured():
    """Clever and Busse, Journal of Fluid Mechanics 65, 1974: Nu = 2.661 at Ra 10,000, Pr 0.71, wavenumber 3.117."""
    found = []
    for rows in (12, 16):
        layer = Layer(1e4, 0.71, rows, 2 * rows, CRITICAL_WAVELENGTH)
        numbers = nusselt(layer, layer.advanced(rolls(layer, 0.1), 50))
        assert set(numbers) == set(WAYS)
        assert max(numbers.values()) - min(numbers.values()) < 1e-5 * numbers["bottom"]
        found.append(numbers["bottom"])
    finer = (16 / 12) ** 2
    assert (finer * found[1] - found[0]) / (finer - 1) == pytest.approx(2.661, rel=0.005)


def test_fluid_at_rest_conducts_and_stays_at_rest():
    layer = layer_of((6, 8))
    state = layer.advanced(layer.at_rest(np.zeros((6, 8))), 2.0)
    assert np.abs(state.u).max() < 1e-12 and np.abs(state.w).max() < 1e-12
    assert nusselt(layer, state) == pytest.approx(dict.fromkeys(WAYS, 1.0))


def test_a_mirror_image_moves_as_a_mirror_image():
    """Left and right are alike: a wrong sign of one term would show."""
    layer = layer_of((6, 8))
    state = any_state(layer, 0)
    mirrored = State(-np.roll(state.u[:, ::-1], 1, axis=1), state.w[:, ::-1], state.temperature[:, ::-1])
    later, mirrored = layer.stepped(state, 1e-3), layer.stepped(mirrored, 1e-3)
    np.testing.assert_allclose(mirrored.w, later.w[:, ::-1], atol=1e-12)
    np.testing.assert_allclose(mirrored.temperature, later.temperature[:, ::-1], atol=1e-12)


def test_a_flow_that_leaves_the_grid_is_named(monkeypatch):
    layer = layer_of((6, 8), 1e9)
    monkeypatch.setattr(Layer, "longest_step", lambda self, state: 1.0)
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match="Rayleigh number 1e.09 left the grid of 6"):
        layer.advanced(any_state(layer, 0), 40.0)


@pytest.mark.parametrize("speed", [np.nan, np.inf, 1e8])
def test_what_is_no_flow_any_more_is_named_before_steps_get_endlessly_short(speed):
    layer = layer_of((6, 8))
    state = any_state(layer, 0)
    with pytest.raises(FloatingPointError, match="left the grid of 6 rows"):
        layer.advanced(State(state.u * speed, state.w, state.temperature), 1.0)
