"""Upsampling before a layer."""

import torch
from torch import nn

from fernn.layers.upsampling import RepeatedUpsampling, ZeroUpsampling

PICTURE = torch.tensor([[1.0, 2.0], [3.0, 4.0]])


def test_zeros_stand_between_the_pixels():
    expected = torch.tensor([[1.0, 0, 2, 0], [0, 0, 0, 0], [3, 0, 4, 0], [0, 0, 0, 0]])
    assert torch.equal(ZeroUpsampling(nn.Identity())(PICTURE[None, None])[0, 0], expected)


def test_every_pixel_is_repeated_four_times():
    expected = torch.tensor([[1.0, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]])
    assert torch.equal(RepeatedUpsampling(nn.Identity())(PICTURE[None, None])[0, 0], expected)
