"""Dynamics networks that are narrow enough for tests."""

from functools import lru_cache

import torch

from fernn.models.dynamics import DYNAMICS

BY_NAME = {config.name: config for config in DYNAMICS}
BY_NAME["unet-rot-equivariant"] = BY_NAME["unet-rot"].override({"resampling": "equivariant"})


def narrow(name):
    """As narrow as the symmetry allows, or a little wider."""
    return BY_NAME[name].override({"base": 8 if name.startswith("unet") else 2, "input_length": 2})


@lru_cache
def trained_by_chance(name, scalars=0):
    """A narrow network in eval mode whose batch normalisations have seen a batch."""
    torch.manual_seed(1)
    model = narrow(name).override({"scalars": scalars}).build()
    model.train()(torch.randn(4, 2, 2 + scalars, 16, 16), 1)
    return model.eval()


def relative(found, expected):
    return ((found - expected).abs().max() / expected.abs().max()).item()
