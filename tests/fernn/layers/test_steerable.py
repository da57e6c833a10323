"""Steerable convolutions: parity with escnn's layers.

The published networks are built of these: R2Conv and InnerBatchNorm in Rose-STL-Lab/Equivariant-Net @e6f4c84,
models/model_rot.py (29-45), by e2cnn, which escnn continues.
"""

import pytest
import torch

from fernn.layers.steerable import CentredUpsampling, DiagonalUpsampling, FieldConvolution, FieldNorm
from tests.fernn.reference.dynamics import turned


@pytest.mark.parametrize(
    ("source", "target"), [("vector", "regular"), ("regular", "regular"), ("regular", "vector"), ("vector", "vector")]
)
@pytest.mark.filterwarnings("ignore")
def test_field_convolutions_equal_escnns(source, target):
    from escnn import gspaces, nn

    space = gspaces.rot2dOnR2(8)
    kinds = {"vector": space.irrep(1), "regular": space.regular_repr}
    types = [nn.FieldType(space, [kinds[kind]] * count) for kind, count in ((source, 3), (target, 2))]
    theirs, ours = nn.R2Conv(*types, 3, padding=1), FieldConvolution((source, 3), (target, 2), 8)
    with torch.no_grad():
        theirs.weights.copy_(ours.weights.flatten())
        if ours.bias is not None:
            ours.bias.copy_(torch.randn(2))
            theirs.bias.copy_(ours.bias)
    maps = torch.randn(2, types[0].size, 6, 6)
    torch.testing.assert_close(ours(maps), theirs(types[0](maps)).tensor, rtol=1e-5, atol=1e-5)
    norms = FieldNorm(5, 8), nn.InnerBatchNorm(nn.FieldType(space, [kinds["regular"]] * 5))
    fields = torch.randn(3, 40, 4, 4)
    torch.testing.assert_close(norms[0](fields), norms[1](norms[1].in_type(fields)).tensor)


def test_initial_field_weights_spread_as_escnns_do():
    from escnn import gspaces, nn

    space = gspaces.rot2dOnR2(8)
    fields = nn.FieldType(space, [space.regular_repr] * 24)
    theirs = nn.R2Conv(fields, fields, 3).weights.detach().view(24, 24, -1)
    ours = FieldConvolution(("regular", 24), ("regular", 24), 8).weights.detach()
    torch.testing.assert_close(ours.std(dim=(0, 1)), theirs.std(dim=(0, 1)), rtol=0.2, atol=0)


def test_a_transposed_convolution_that_sits_on_corners_keeps_quarter_turns():
    layer, fields = CentredUpsampling(("vector", 1), ("vector", 1), 8), torch.randn(1, 2, 5, 5)
    assert layer(fields).shape == (1, 2, 10, 10)
    torch.testing.assert_close(layer(turned(fields, 90)), turned(layer(fields), 90), rtol=1e-5, atol=1e-5)


def test_published_upsampling_repeats_pixels_along_a_diagonal_and_pads_behind():
    """rot_deconv2d.pad (model_rot.py 145-150) leaves three rows and columns of zeros at the end."""
    layer = DiagonalUpsampling(("vector", 1), ("vector", 1), 8)
    pixel = torch.zeros(1, 2, 3, 3)
    pixel[0, 0, 1, 1] = 1
    kernel, expected = layer.kernel()[:, 0], torch.zeros(2, 9, 9)
    for y, x in ((2, 2), (3, 3)):  # the pixel's first place, and its last
        expected[:, y : y + 4, x : x + 4] += kernel.flip(-2, -1)
    torch.testing.assert_close(layer(pixel)[0], expected[:, 3:, 3:])
