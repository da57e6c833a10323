"""The solver of convection: balances that hold on the grid, onset and heat transport as theory and others have them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.convection.balance import WAYS, nusselt
from data.convection.solver import Layer, State
from tests.support.layers import CRITICAL_WAVELENGTH, SHAPES, any_state, layer_of, rolls


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
