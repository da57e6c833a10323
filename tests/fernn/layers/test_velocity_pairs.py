"""Convolutions of velocity pairs: the algebra equals cutting into blocks, and no range is too small to divide by.

The blocks are those of ``tests/fernn/reference/dynamics.py``, after Rose-STL-Lab/Equivariant-Net @e6f4c84,
models/model_um.py (40-95) and models/model_mag.py (36-85).
"""

from functools import partial

import pytest
import torch

from fernn.layers.velocity_pairs import MagnitudeConvolution, UniformMotionConvolution, UniformMotionDeviation
from tests.fernn.reference.dynamics import magnitude, tiled_uniform_motion, uniform_motion

LAYERS = [
    (UniformMotionConvolution, uniform_motion, 3, {}),
    (UniformMotionConvolution, uniform_motion, 3, {"stride": 2}),
    (UniformMotionConvolution, uniform_motion, 3, {"activation": False}),
    (UniformMotionDeviation, partial(uniform_motion, restores_mean=False), 3, {}),
    (UniformMotionConvolution, uniform_motion, 4, {}),
    (MagnitudeConvolution, magnitude, 3, {}),
    (MagnitudeConvolution, magnitude, 3, {"stride": 2}),
    (MagnitudeConvolution, magnitude, 3, {"activation": False}),
    (MagnitudeConvolution, magnitude, 4, {}),
]


@pytest.mark.parametrize(("kind", "plain", "kernel_size", "options"), LAYERS)
def test_the_algebra_equals_cutting_into_blocks(kind, plain, kernel_size, options):
    layer = kind(6, 4, kernel_size, **options).double()
    padding = {3: (1, 1), 4: (1, 2)}[kernel_size]
    maps = torch.randn(2, 6, 8, 9, dtype=torch.float64)
    weight, bias = layer.convolution.weight, layer.convolution.bias
    found = [layer(maps), plain(maps, weight, bias, padding=padding, **options)]
    torch.testing.assert_close(*found, rtol=1e-10, atol=1e-10)
    wanted = torch.randn_like(found[0])
    slopes = [torch.autograd.grad((one * wanted).sum(), (weight, bias)) for one in found]
    torch.testing.assert_close(*slopes, rtol=1e-9, atol=1e-9)


def test_published_weights_are_ours_with_rows_and_columns_swapped():
    layer, maps = UniformMotionConvolution(6, 4), torch.randn(2, 6, 7, 7)
    published = layer.convolution.weight.transpose(-1, -2)
    torch.testing.assert_close(layer(maps), tiled_uniform_motion(maps, published, layer.convolution.bias))


def test_a_field_without_motion_has_a_magnitude_too():
    layer = MagnitudeConvolution(4, 2)
    assert layer(torch.zeros(1, 4, 5, 5)).abs().max() < 1e-30
    assert layer(torch.full((1, 4, 5, 5), 3.0)).isfinite().all()
