"""Networks on levels of scale: the lift, and the decoder.

Published: Rose-STL-Lab/Equivariant-Net @e6f4c84, utils.py: factors (161-171) and kernel (135-147, with (x / 2s)^2) of
the lift; its outputs are compared in ``tests/fernn/test_reference.py``.
"""

import math

import pytest
import torch

from fernn.models.dynamics.scaling import gaussian, scale_levels
from tests.fernn.models.dynamics.narrow import narrow, relative


def test_the_scale_u_net_reads_its_decoder():
    model = narrow("unet-scale").build()
    frames = torch.randn(1, 2, 2, 16, 16)
    before = model(frames, 1)
    model.network.body.ups[-1].layer.weights.data.zero_()
    assert relative(model(frames, 1), before) > 1e-3


def test_levels_of_scale_are_blurred_upwards_and_weaker_downwards():
    frames = torch.ones(1, 3, 2, 5, 5)
    levels = scale_levels(frames)
    assert levels.shape == (1, 5, 6, 5, 5)
    inside = levels[0, :, 1, 2, 2]
    torch.testing.assert_close(inside, torch.tensor([1 / 2, 1 / 1.5, 1, 1.5, 2]))
    weights = gaussian(1.0)
    assert weights.sum() == pytest.approx(1) and weights[1, 1, 2] / weights[1, 1, 1] == pytest.approx(math.exp(-0.25))
