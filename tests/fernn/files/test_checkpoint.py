"""Checkpoints: what is packed is unpacked, and every change of a byte is noticed."""

import pytest
import torch

from fernn.files.checkpoint import CheckpointError, pack, unpack

TENSORS = {"b": torch.arange(6.0).view(2, 3), "a": torch.tensor(3.0), "c": torch.ones(2, dtype=torch.bfloat16)}


def test_what_is_packed_is_unpacked():
    tensors, facts = unpack(pack(TENSORS, {"epoch": 3}))
    assert facts == {"epoch": 3}
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)


def test_equal_input_gives_equal_bytes():
    assert pack(TENSORS, {"x": 1, "y": 2}) == pack(dict(reversed(TENSORS.items())), {"y": 2, "x": 1})


def test_every_flipped_bit_and_every_cut_is_noticed():
    content = pack(TENSORS, {"epoch": 3})
    for position in range(0, len(content), 3):
        flipped = bytearray(content)
        flipped[position] ^= 1 << position % 8
        with pytest.raises(CheckpointError):
            unpack(bytes(flipped))
    for length in range(0, len(content), 7):
        with pytest.raises(CheckpointError):
            unpack(content[:length])
