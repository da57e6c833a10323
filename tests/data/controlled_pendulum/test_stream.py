"""Batches of episodes: an order for every epoch, and torques beside the clips that they act on."""

import numpy as np
import pytest

from data.controlled_pendulum.stream import Episodes, EpisodeStream, chosen
from data.errors import DataError
from fernn.config import data_config


@pytest.fixture
def episodes():
    frames = np.arange(4 * 3, dtype=np.uint8).reshape(4, 3, 1, 1, 1) + np.zeros((2, 2, 3), np.uint8)
    return Episodes(frames, np.arange(12, dtype=np.float32).reshape(4, 3))


def test_rows_become_the_clips_and_actions_that_they_number(episodes):
    batch = chosen(episodes, "train", {"episode": np.array([2, 0])})
    assert batch.clips.shape == (2, 3, 3, 2, 2) and batch.clips[0, :, 0, 0, 0].tolist() == [6, 7, 8]
    assert batch.actions.tolist() == [[[6], [7], [8]], [[0], [1], [2]]]
    assert batch.ids == ["train-2", "train-0"] and batch.labels[0] != batch.labels[1]
    few = batch.first(1)
    assert few.ids == ["train-2"] and few.actions.tolist() == [[[6], [7], [8]]] and len(few.clips) == 1


def test_an_epoch_has_every_episode_once_in_its_own_order(two_cpus, episodes):
    stream = EpisodeStream(dict.fromkeys(("train", "validation", "test"), episodes), data_config("physics101"), 3)
    epochs = [[name for batch in stream.training(*key) for name in batch.ids] for key in ((0, 1), (0, 1), (0, 2))]
    assert epochs[0] == epochs[1] != epochs[2] and sorted(epochs[0]) == sorted(f"train-{i}" for i in range(4))
    assert stream.num_clips("test") == 4
    with pytest.raises(DataError, match="a pendulum swings by itself: no velocities can be given"):
        stream.evaluation("test", (0, 1))
