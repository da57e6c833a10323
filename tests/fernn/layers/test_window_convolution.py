"""Convolutions over a window: parity with padded 3-D convolutions."""

import pytest
import torch

from fernn.layers.window_convolution import WindowConvolution


@pytest.mark.parametrize("kernel", [(2, 5, 5), (1, 5, 5), (3, 3, 3), (1, 1, 1), (2, 2, 4)])
@pytest.mark.parametrize("window", [1, 2, 3])
def test_a_window_convolution_is_a_padded_3d_convolution(kernel, window):
    from tests.fernn.reference.e3d_lstm import convolved

    layer = WindowConvolution(2, 3, kernel).double()
    torch.nn.init.normal_(layer.bias)
    maps = torch.randn(2, 2, window, 6, 5, dtype=torch.float64)
    expected = convolved(maps.permute(0, 2, 3, 4, 1), layer).permute(0, 4, 1, 2, 3)
    torch.testing.assert_close(layer.kernel()(maps), expected, rtol=0, atol=1e-12)
    of_zeros = layer.kernel()(torch.zeros_like(maps))
    assert torch.equal(of_zeros, layer.bias[:, None, None, None].expand_as(of_zeros))
