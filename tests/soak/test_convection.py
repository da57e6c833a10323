"""Turbulent convection for minutes: what must hold in the mean alone."""

import numpy as np
import pytest

from data.convection.balance import nusselt
from data.convection.solver import Layer


@pytest.mark.soak
def test_turbulent_convection_carries_the_same_heat_however_it_is_measured():
    """The mean over 200 free-fall times: what is left is the change of what is stored, and the means' own error."""
    layer = Layer(1e6, 0.71, 48, 96, 2.0)
    state = layer.at_rest(0.01 * np.random.default_rng(0).standard_normal((48, 96)))
    state, found = layer.advanced(state, 100), []
    for _ in range(400):
        state = layer.advanced(state, 0.5)
        found.append(list(nusselt(layer, state).values()))
    means = np.mean(found, axis=0)
    assert np.ptp(means) < 0.02 * means.mean() and 6 < means.mean() < 10
