"""The embedding of frames counts its steps; upsampling before a layer."""

import torch
from torch import nn

from fernn.layers.convolution import RepeatedUpsampling, ZeroUpsampling
from fernn.models.fernn import FERNNConfig

SMALL = {"hidden_channels": 4, "embedding_channels": (3,)}
PICTURE = torch.tensor([[1.0, 2.0], [3.0, 4.0]])


def test_running_statistics_count_every_time_step():
    model = FERNNConfig(**SMALL).build().train()
    model(torch.rand(2, 16, 1, 8, 8))
    assert all(norm.num_batches_tracked == 16 for norm in model.embedding.norms)


def test_zeros_stand_between_the_pixels():
    expected = torch.tensor([[1.0, 0, 2, 0], [0, 0, 0, 0], [3, 0, 4, 0], [0, 0, 0, 0]])
    assert torch.equal(ZeroUpsampling(nn.Identity())(PICTURE[None, None])[0, 0], expected)


def test_every_pixel_is_repeated_four_times():
    expected = torch.tensor([[1.0, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]])
    assert torch.equal(RepeatedUpsampling(nn.Identity())(PICTURE[None, None])[0, 0], expected)
