"""Patches of frames."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from fernn.layers.patches import from_patches, to_patches
from tests.fernn.reference.e3d_lstm import patched


@given(size=st.integers(1, 4), rows=st.integers(1, 3), columns=st.integers(1, 3), channels=st.integers(1, 2))
def test_patches_go_back_to_the_same_frames(size, rows, columns, channels):
    frames = torch.rand(2, 3, channels, rows * size, columns * size)
    maps = to_patches(frames, size)
    assert torch.equal(maps.permute(0, 1, 3, 4, 2), patched(frames.permute(0, 1, 3, 4, 2), size))
    assert torch.equal(from_patches(maps, size), frames)
