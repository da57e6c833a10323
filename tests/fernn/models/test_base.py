"""What every model's config is: its names, and how sizes are refused."""

import math

import pytest

from fernn.models.base import ModelConfig, require_at_least


def test_a_model_from_elsewhere_is_called_by_its_class():
    own, registered = ModelConfig("package.module:MineConfig"), ModelConfig("grnn")
    assert (own.label, own.is_own) == ("MineConfig", True)
    assert (registered.label, registered.is_own) == ("grnn", False)
    with pytest.raises(NotImplementedError, match=r"ModelConfig must define build\(\)"):
        registered.build()


@pytest.mark.parametrize("value", [0, -1, math.nan])
def test_the_first_field_that_is_too_small_is_named(value):
    require_at_least(1, width=1, depth=2)
    with pytest.raises(ValueError, match=f"depth must be 1 or more, got {value}"):
        require_at_least(1, width=1, depth=value, height=0)
