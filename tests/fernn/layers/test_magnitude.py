"""Convolutions that commute with magnitude: fields that nothing can be divided by; parity is with velocity pairs."""

import torch

from fernn.layers.magnitude import MagnitudeConvolution


def test_a_field_without_motion_has_a_magnitude_too():
    layer = MagnitudeConvolution(4, 2)
    assert layer(torch.zeros(1, 4, 5, 5)).abs().max() < 1e-30
    assert layer(torch.full((1, 4, 5, 5), 3.0)).isfinite().all()
