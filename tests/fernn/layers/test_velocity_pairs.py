"""Convolutions of velocity pairs: the algebra equals cutting into blocks."""

import pytest
import torch

from fernn.layers.magnitude import MagnitudeConvolution
from fernn.layers.uniform_motion import UniformMotionConvolution
from tests.fernn.reference.dynamics import magnitude, uniform_motion

LAYERS = [
    (UniformMotionConvolution, uniform_motion, 3, {}),
    (UniformMotionConvolution, uniform_motion, 3, {"stride": 2}),
    (UniformMotionConvolution, uniform_motion, 3, {"activation": False}),
    (UniformMotionConvolution, uniform_motion, 3, {"restores_mean": False}),
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
