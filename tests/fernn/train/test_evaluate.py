"""Evaluation: clips on the device."""

import torch

from fernn.train.evaluate import to_unit


def test_grey_levels_are_divided_and_floats_are_not():
    device = torch.device("cpu")
    assert to_unit(torch.tensor([255], dtype=torch.uint8), device) == 1 and to_unit(torch.tensor([0.5]), device) == 0.5
