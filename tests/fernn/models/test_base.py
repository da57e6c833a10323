"""What every model's config is: its names, and how sizes are refused."""

import math

import pytest

from fernn.models import model_config
from fernn.models.base import ModelConfig


def test_a_model_from_elsewhere_is_called_by_its_class():
    own, registered = ModelConfig("package.module:MineConfig"), ModelConfig("grnn")
    assert (own.label, own.is_own) == ("MineConfig", True)
    assert (registered.label, registered.is_own) == ("grnn", False)
    with pytest.raises(NotImplementedError, match=r"ModelConfig must define build\(\)"):
        registered.build()


@pytest.mark.parametrize("value", [0, -1])
def test_the_first_field_that_is_too_small_is_named(value):
    with pytest.raises(ValueError, match=f"num_layers must be 1 or more, got {value}"):
        model_config("fernn-v1").override({"num_layers": value, "embedding_channels": [0]})
    with pytest.raises(ValueError, match=r"embedding_channels must be 1 or more each, got \(3, 0\)"):
        model_config("fernn-v1").override({"embedding_channels": [3, 0]})
    assert model_config("fernn-v1").override({"embedding_channels": []}).flatten()["embedding_channels"] == ()


def test_a_number_that_is_none_is_too_small():
    with pytest.raises(ValueError, match="kl_weight must be 0 or more, got nan"):
        model_config("noether", "physics101").override({"kl_weight": math.nan})
