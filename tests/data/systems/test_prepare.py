"""Trajectories of small systems: right physics, named draws, and batches of them."""

import numpy as np
import pytest
import torch

from data.errors import DataError
from data.registry import data_set
from data.systems.dynamics import draw_starts
from data.systems.prepare import folder_of, observed, prepare
from fernn.config import data_config
from fernn.seeding import generator

SMALL = {"num_frames": 6, "duration": 1.0, "num_sequences": (5, 3, 4), "passes": 2}


def test_noise_is_on_training_and_validation_states_alone():
    data = data_config("ideal-spring").override(SMALL | {"noise": 0.5, "num_sequences": (400, 3, 4)})
    exact = data.override({"noise": 0.0})
    spread = (observed(data, "train") - observed(exact, "train")).std()
    assert spread == pytest.approx(0.5, rel=0.05)
    assert np.array_equal(observed(data, "test"), observed(exact, "test"))


def test_a_prepared_folder_depends_on_the_config_alone_and_gives_its_batches(two_cpus, tmp_path):
    data = data_config("ideal-pendulum").override(SMALL)
    manifest = prepare(tmp_path / "a", data)
    assert prepare(tmp_path / "a", data) == manifest and prepare(tmp_path / "b", data).hash == manifest.hash
    assert folder_of(tmp_path, data) != folder_of(tmp_path, data.override({"noise": 0.1}))
    assert folder_of(tmp_path, data) == folder_of(tmp_path, data.override({"passes": 9}))
    stream = data_set(data.name).read(folder_of(tmp_path / "a", data), manifest).stream(data, 4)
    (test,) = stream.evaluation("test")
    assert test.clips.shape == (4, 6, 2, 1, 1) and test.ids == ["test-0", "test-1", "test-2", "test-3"]
    starts = draw_starts(data.name, 4, generator("states", data.name, "test"))
    torch.testing.assert_close(test.clips[:, 0, :, 0, 0], torch.from_numpy(starts).float())
    epochs = [[batch.ids for batch in stream.training(0, epoch)] for epoch in (1, 1, 2)]
    assert epochs[0] == epochs[1] != epochs[2]
    seen = sum(epochs[0], [])
    assert sorted(seen) == sorted(2 * [f"train-{i}" for i in range(5)]) and sorted(seen[:5]) == sorted(seen[5:])
    counts = data_set(data.name).num_clips(data, manifest, False)
    assert counts == {split: stream.num_clips(split) for split in counts} and counts["train"] == 10
    with pytest.raises(DataError, match="move by themselves"):
        stream.evaluation("test", (0, 1))
    with pytest.raises(DataError, match="generated from named seeds: leave --files out"):
        prepare(tmp_path, data, tmp_path)


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("ideal-spring", {"size": 2}, "data.size must be 1"),
        ("ideal-spring", {"velocity_range": 1}, "data.velocity_range must be 0 on ideal-spring, got 1"),
        (
            "ideal-spring",
            {"protocol": "published"},
            "data.num_sequences must have as many for validation as for training",
        ),
        ("ideal-spring", {"input_frames": 16}, "data.input_frames must be below data.num_frames = 16, got 16"),
        ("ideal-spring", {"duration": 0.0}, "data.duration must be above 0"),
        ("ideal-spring", {"num_sequences": (0, 1, 1)}, "data.num_sequences must be 1 or more each"),
        ("physics101", {"input_frames": 1}, "data.input_frames must be 2 or more, got 1"),
        ("physics101", {"frame_step": 0}, "data.frame_step must be 1 or more, got 0"),
    ],
)
def test_impossible_data_is_refused(name, fields, message):
    with pytest.raises(ValueError, match=message):
        data_config(name).override(fields)
