"""Models of KTH by name: published parameter counts, and what each maps clips to."""

import pytest
import torch

from fernn.models import MODELS, model_config
from fernn.models.fernn import GRNNPlusConfig

PARAMETERS = {
    "fernn-v1": 241_638, "fernn-v2": 241_638, "fernn-v1-circular": 241_638, "fernn-v2-circular": 241_638,
    "grnn": 241_638, "grnn-plus": 242_263, "3dcnn": 208_598,
}  # fmt: skip


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("name", MODELS["kth"])
def test_parameter_counts_are_the_published_ones(name):
    assert count(MODELS["kth"][name].build()) == PARAMETERS[name]
    assert MODELS["kth"][name].name == name


def test_the_smaller_grnn_plus_and_the_larger_3dcnn_have_their_published_counts():
    assert count(GRNNPlusConfig(velocity_range=(1, 1)).build()) == 241_719
    assert count(model_config("3dcnn").override({"base": 32}).build()) == 831_910


@pytest.mark.parametrize("name", MODELS["kth"])
def test_every_model_maps_clips_to_logits(name):
    logits = MODELS["kth"][name].build()(torch.rand(2, 4, 1, 8, 8))
    assert logits.shape == (2, 6)
