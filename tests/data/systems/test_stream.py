"""Batches of trajectories: the states that ids name, in another order each pass, and never set in motion."""

import numpy as np
import pytest

from data.errors import DataError
from data.systems.prepare import NUMBERS, write_states
from data.systems.stream import StateStream, read_trajectories, sequences
from fernn.config import data_config

DATA = data_config("ideal-spring").override({"num_frames": 3, "num_sequences": (4, 2, 2), "passes": 2})


@pytest.fixture
def stream():
    states = np.arange(4 * 3 * 2, dtype=np.float64).reshape(4, 3, 2)
    return StateStream({"train": states, "validation": states[:2], "test": states[2:]}, DATA, 8)


def test_rows_become_the_sequences_that_they_number():
    states = np.arange(4 * 3 * 2, dtype=np.float64).reshape(4, 3, 2)
    batch = sequences(states, "train", {"index": np.array([2, 0])})
    assert batch.clips.shape == (2, 3, 2, 1, 1) and batch.clips[0, :, 0, 0, 0].tolist() == [12, 14, 16]
    assert batch.ids == ["train-2", "train-0"] and batch.labels.tolist() == [2, 0]


def test_sequences_of_an_epoch_are_counted_with_its_passes(stream):
    assert [stream.num_clips(split) for split in ("train", "validation", "test")] == [8, 2, 2]
    with pytest.raises(DataError, match="states of ideal-spring move by themselves: no velocities can be given"):
        stream.evaluation("test", (0, 1))


def test_what_is_known_of_states_are_labels_and_splits_may_have_other_lengths(tmp_path):
    numbers = {"train": np.arange(28.0).reshape(1, 4, 7), "validation": np.ones((1, 2, 7)), "test": np.ones((1, 3, 7))}
    manifest = write_states(
        tmp_path, numbers, {}, dataset="x", demo=False, origin="", source_sha256="", details={NUMBERS: 7}
    )
    read = read_trajectories(tmp_path, manifest)
    assert all(np.array_equal(read[split], states) for split, states in numbers.items())
    batch = sequences(read["train"], "train", {"index": np.array([0])})
    assert batch.clips[0, 1, :, 0, 0].tolist() == [7, 8] and batch.labels[0, 1].tolist() == [9, 10, 11, 12, 13]
