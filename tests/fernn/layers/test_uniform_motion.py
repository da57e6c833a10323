"""Convolutions that commute with uniform motion: parity with the published order of work."""

import torch

from fernn.layers.uniform_motion import UniformMotionConvolution
from tests.fernn.reference.dynamics import tiled_uniform_motion


def test_published_weights_are_ours_with_rows_and_columns_swapped():
    layer, maps = UniformMotionConvolution(6, 4), torch.randn(2, 6, 7, 7)
    published = layer.convolution.weight.transpose(-1, -2)
    torch.testing.assert_close(layer(maps), tiled_uniform_motion(maps, published, layer.convolution.bias))
