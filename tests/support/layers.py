"""Layers of fluid for tests of the solver and of what is measured of its flows."""

import numpy as np
from hypothesis import strategies as st

from data.convection.solver import Layer, State

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
