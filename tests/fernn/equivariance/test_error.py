"""The equivariance error: what breaks the law is noticed."""

import pytest
import torch

from fernn.equivariance.error import assert_flow_equivariant, equivariance_error
from fernn.flows import TranslationFlow
from fernn.models import MODELS
from fernn.models.fernn import FERNNConfig

SMALL = {"hidden_channels": 4, "embedding_channels": (3,)}


def equivariant_model(range_y, range_x, seed, num_layers=1):
    torch.manual_seed(seed)
    config = FERNNConfig(
        velocity_range=(range_y, range_x), embedding_padding="circular", num_layers=num_layers, **SMALL
    )
    return config.build().double().eval()


def test_zero_padding_breaks_the_law_measurably():
    torch.manual_seed(0)
    model = MODELS["kth"]["fernn-v1"].override(SMALL).build().double().eval()
    clips = torch.rand(1, 8, 1, 16, 16, dtype=torch.float64)
    assert equivariance_error(model.hidden_states, TranslationFlow.box(1, 1), clips, (0, 1)) > 1e-3


def test_a_reversed_flow_or_an_unmatched_velocity_is_noticed():
    model = equivariant_model(1, 1, seed=0)
    wrong_way = TranslationFlow(tuple((-vy, -vx) for vy, vx in TranslationFlow.box(1, 1).velocities))
    clips = torch.rand(1, 5, 1, 8, 8, dtype=torch.float64)
    with pytest.raises(AssertionError, match="equivariance error"):
        assert_flow_equivariant(model.hidden_states, wrong_way, clips, (1, 0), 1e-12)
    with pytest.raises(ValueError, match="out of V"):
        equivariance_error(model.hidden_states, TranslationFlow.box(1, 1), clips, (3, 0))
