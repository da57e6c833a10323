"""Correlations over scales, against outputs of the published layers on weights and inputs that stand beside them.

Published: Rose-STL-Lab/Equivariant-Net @e6f4c84, models/model_scale.py, scale_conv2d (12-148) and scale_deconv2d
(150-162).
"""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from fernn.layers.convolution import ZeroUpsampling
from fernn.layers.scale import ScaleConvolution, ScaleHead, resampling

GOLDEN = load_file(Path(__file__).parents[2] / "golden/dynamics_scale_layers.safetensors")


def outputs(number, layer, weights):
    """The layer's and the published layer's outputs."""
    weights.data = GOLDEN[f"{number}.weights"]
    with torch.no_grad():
        return layer(GOLDEN[f"{number}.in"]), GOLDEN[f"{number}.out"]


def assert_levels_equal(actual, expected):
    assert actual.shape == expected.shape
    for level in range(expected.shape[1]):
        difference = (actual[:, level] - expected[:, level]).abs().max()
        assert difference <= 1e-6 * expected[:, level].abs().max(), level


@pytest.mark.parametrize(("number", "shape"), [(0, (6, 8, 3)), (1, (8, 8, 3)), (2, (8, 4, 5))])
def test_every_level_of_a_convolution_equals_the_published_one(number, shape):
    layer = ScaleConvolution(*shape)
    assert_levels_equal(*outputs(number, layer, layer.weights))


def test_upsampling_equals_the_published_one():
    layer = ZeroUpsampling(ScaleConvolution(8, 8, 4))
    assert_levels_equal(*outputs(3, layer, layer.layer.weights))


def test_the_last_layer_reads_the_lowest_level_with_its_weights_as_they_are():
    layer, weights = ScaleHead(16, 2, 3), GOLDEN["4.weights"]
    layer.weight.data = weights[:, 0].flatten(1, 2)
    with torch.no_grad():
        assert_levels_equal(layer(GOLDEN["4.in"])[:, None], GOLDEN["4.out"])


@pytest.mark.parametrize("factor", [-1.0, -0.5, 0.5, 1.0])
def test_resampling_keeps_the_centre_of_a_kernel_that_is_even_about_it(factor):
    space, _, _ = resampling(factor, 5, 4)
    kernel = space @ torch.tensor([1.0, 3.0, 5.0, 3.0, 1.0])
    torch.testing.assert_close(kernel, kernel.flip(0))
