"""Recurrent cells: the spread of learned kernels.

akandykeller/FERNN @7def7bc, kth/train_kth_classification.py, GRNN_Plus (537-540) draws each 5x5 kernel by Kaiming's
rule, fan out, linear: a normal distribution with a deviation of 1 / 5.
"""

import pytest
import torch

from fernn.models.fernn import GRNNPlusConfig

SMALL = {"hidden_channels": 4, "embedding_channels": (3,)}


def test_grnn_plus_kernels_have_the_published_spread():
    torch.manual_seed(0)
    weights = torch.stack([GRNNPlusConfig(**SMALL).build().cells[0].kernels.weight for _ in range(20)])
    assert weights.std().item() == pytest.approx(0.2, rel=0.03)
