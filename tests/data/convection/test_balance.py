"""Balances of heat and energy that hold on the grid, and heat transport as others have it."""

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
from data.convection.solver import COLD, HOT, Layer
from tests.support.layers import CRITICAL_WAVELENGTH, SHAPES, any_state, layer_of, rolls


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
