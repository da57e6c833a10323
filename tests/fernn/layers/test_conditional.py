"""Conditional normalisation: the identity at rest, a gain and an offset for each sample in use.

dylandoblar/noether-networks @c7a65a2, video_prediction/models/cn.py (13-17).
"""

import torch
from torch import nn
from torch.func import functional_call

from fernn.layers.conditional import ConditionalNorm, identity_conditioning


def test_at_rest_it_is_the_identity_and_has_no_weights():
    norm, maps = ConditionalNorm(3), torch.randn(2, 3, 4, 4)
    assert torch.equal(norm(maps), maps)
    assert not list(norm.parameters()) and not norm.state_dict()


def test_every_sample_has_a_gain_and_an_offset_of_its_own_which_its_frames_share():
    maps = torch.ones(4, 1, 2, 2)  # two frames of the first sample, then two of the second
    moved = {"gamma": torch.tensor([[2.0], [3.0]]), "beta": torch.tensor([[0.0], [5.0]])}
    assert functional_call(ConditionalNorm(1), moved, (maps,))[:, 0, 0, 0].tolist() == [2, 2, 8, 8]


def test_the_conditioning_that_changes_nothing_names_every_layer_of_a_network():
    network = nn.Sequential(nn.Linear(2, 3), ConditionalNorm(3), nn.Sequential(ConditionalNorm(3)))
    conditioning = identity_conditioning(network, 5)
    assert conditioning.keys() == {"1.gamma", "1.beta", "2.0.gamma", "2.0.beta"}
    assert all(values.shape == (5, 3) for values in conditioning.values())
    inputs = torch.randn(5, 2)
    assert torch.equal(functional_call(network, conditioning, (inputs,)), network(inputs))
