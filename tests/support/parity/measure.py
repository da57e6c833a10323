"""How far ours is from the published values."""

import torch

OUTPUTS, GRADIENTS = 1e-5, 1e-4
"""Tolerances in float32, of the largest published value: noise of 6e-8 in the inputs moves gradients by up to 4e-6."""


def share(ours, published):
    """The largest difference as a share of the largest published value; infinite where ours is no number."""
    assert ours.shape == published.shape, f"{tuple(ours.shape)} is not {tuple(published.shape)}"
    difference = ((ours - published).abs().max() / published.abs().max()).item()
    return float("inf") if difference != difference else difference


def worst(compared):
    """Of each group of quantities, which share their first word, the one that differs most."""
    groups = {}
    for entry in compared.items():
        groups.setdefault(entry[0].partition(" ")[0], []).append(entry)
    return dict(max(group, key=lambda entry: share(*entry[1][:2])) for group in groups.values())


def gradient_of(parameter):
    """Zeros where the loss does not depend on the parameter."""
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
