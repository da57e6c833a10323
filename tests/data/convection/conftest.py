"""A small convecting layer, solved for once."""

import numpy as np
import pytest
import torch

from data.convection import made
from fernn.config import data_config


@pytest.fixture(scope="session")
def layer_config():
    """A layer of three squares that convects after a few seconds of computing."""
    return data_config("made-convection").override(
        {
            "size": 16, "squares": 3, "refinement": 1, "rayleigh": 2e4, "num_fields": 12, "warm_up": 20.0,
            "interval": 0.5, "num_frames": 2, "input_frames": 1,
        }
    )  # fmt: skip


@pytest.fixture(scope="session")
def solved(layer_config):
    """Its fields (12, 2, 16, 48)."""
    return made.solved(layer_config)[0]


@pytest.fixture
def file(solved, tmp_path):
    """A file as the published one, of 12 frames of 16 x 48 pixels."""
    path = tmp_path / "files/rbc_data.pt"
    path.parent.mkdir()
    torch.save(torch.from_numpy(solved), path)
    return path


@pytest.fixture(scope="session")
def numbers(solved):
    """Twelve frames (12, 2, 16, 48) of which half precision is exact."""
    return solved.astype(np.float16).astype(np.float32)
