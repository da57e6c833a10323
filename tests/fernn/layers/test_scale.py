"""Correlations over scales: resampled kernels."""

import pytest
import torch

from fernn.layers.scale import FACTORS, ScaleConvolution
from tests.fernn.reference.dynamics import resampled


@pytest.mark.parametrize(("factor", "kernel_size", "depth"), [(s, k, d) for s in FACTORS for k, d in ((3, 6), (5, 3))])
def test_resampling_by_matrices_equals_trilinear_sampling(factor, kernel_size, depth):
    layer, level = ScaleConvolution(2 * depth, 3, kernel_size), FACTORS.index(factor)
    weights = layer.weights[:, : min(3, 5 - level)].flatten(1, 2)
    expected = resampled(weights, factor).flatten(1, 2)
    torch.testing.assert_close(layer.kernel(level), expected, rtol=1e-4, atol=1e-6)
