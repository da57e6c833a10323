"""Episodes on disk: of the config alone, none in two splits, each with what acts on it."""

import numpy as np
import pytest

from data.controlled_pendulum.dynamics import episode
from data.controlled_pendulum.prepare import folder_of, made, prepare
from data.controlled_pendulum.render import drawn
from data.errors import DataError
from data.registry import data_set
from fernn.config import data_config

DATA = data_config("controlled-pendulum").override({"size": 16, "num_frames": 5, "num_episodes": (5, 3, 4)})


def test_a_prepared_folder_depends_on_the_config_alone_and_gives_its_batches(two_cpus, tmp_path):
    manifest = prepare(tmp_path / "a", DATA)
    assert prepare(tmp_path / "a", DATA) == manifest and prepare(tmp_path / "b", DATA).hash == manifest.hash
    assert manifest.clips == {"episodes": {"train": 5, "validation": 3, "test": 4}} and not manifest.demo
    for field in ({"seed": 1}, {"torque": 1.0}, {"push_frames": 2}):
        other = DATA.override(field)
        assert folder_of(tmp_path, other) != folder_of(tmp_path, DATA)
        assert prepare(tmp_path / "c", other).hash != manifest.hash
    assert folder_of(tmp_path, DATA.override({"input_frames": 3})) == folder_of(tmp_path, DATA)
    stream = data_set(DATA.name).read(folder_of(tmp_path / "a", DATA), manifest).stream(DATA, 3)
    first, second = stream.evaluation("test")
    assert first.clips.shape == (3, 5, 3, 16, 16) and second.ids == ["test-3"]
    states, torques = made(DATA, "test", 3)
    np.testing.assert_array_equal(second.clips[0].permute(0, 2, 3, 1), drawn(states[:, 0], 16))
    np.testing.assert_allclose(second.actions[0, :, 0], torques, rtol=1e-6)
    with pytest.raises(DataError, match="made from named seeds: leave --files out"):
        prepare(tmp_path, DATA, tmp_path)


def test_no_two_splits_or_seeds_share_an_episode():
    starts = {
        tuple(made(DATA.override({"seed": seed}), split, number)[0][0])
        for seed in (0, 1)
        for split in ("train", "validation", "test")
        for number in range(20)
    }
    assert len(starts) == 2 * 3 * 20


def test_an_episodes_states_are_those_that_its_torques_cause():
    states, torques = made(DATA, "train", 0)
    np.testing.assert_array_equal(episode(states[0], torques), states)
    assert len(torques) == 5 and np.abs(torques).max() <= 2 and len(set(torques)) == 5
    longer, _ = made(DATA.override({"num_frames": 9}), "train", 0)
    np.testing.assert_array_equal(longer[0], states[0])
