"""Windows of KTH: cut backwards, persons apart, every window of an epoch once before one comes again.

Cut as in google/e3d_lstm @3e5bd4b, src/data_provider/kth_action.py (185-202): from the end, a window's length apart,
3 frames apart where one jogs or runs (108-110, 153-156); persons to 16 train, the others test (116-120). Frames there
lie in folders of pictures, here in the annotation's ranges, and there is no validation there.
"""

import numpy as np
import pytest
import torch

from data.errors import DataError
from data.kth.annotations import ACTIONS
from data.kth.stream import Footage
from data.manifest import Manifest
from data.registry import data_set
from data.video.kth import WindowStream, first_frames, splits_of
from fernn.config import KTHVideoConfig

DATA = KTHVideoConfig(size=6, num_frames=10, input_frames=4, num_clips=(7, 3, 100))
LENGTHS = np.array([33, 41, 36, 40, 32])
PERSONS = np.array([1, 2, 16, 17, 25])
NAMES = ("boxing", "jogging", "walking", "running", "boxing")


def footage():
    frames = np.random.default_rng(0).integers(0, 256, (LENGTHS.sum(), 6, 6), dtype=np.uint8)
    ids = tuple(f"person{p:02}_{name}_d1-0" for p, name in zip(PERSONS, NAMES, strict=True))
    labels = np.array([ACTIONS.index(name) for name in NAMES])
    return Footage(frames, ids, PERSONS, labels, np.cumsum(LENGTHS) - LENGTHS, LENGTHS, LENGTHS)


def stream(batch_size=3, **fields):
    return WindowStream(footage(), DATA.override(fields), batch_size)


def read(batches):
    batches = list(batches)
    ids = [name for batch in batches for name in batch.ids]
    return torch.cat([b.clips for b in batches]), torch.cat([b.labels for b in batches]), ids


def test_windows_are_cut_from_the_end():
    assert first_frames(33, 10, 10) == [23, 13, 3] and first_frames(10, 10, 3) == [0] and first_frames(9, 10, 3) == []
    assert first_frames(17, 10, 3) == [7, 4, 1]


def test_persons_are_apart_and_every_tenth_training_range_validates():
    persons = np.array([17, *[3] * 12, 25, 16])
    expected = ["test", "validation", *["train"] * 9, "validation", "train", "test", "train"]
    assert splits_of(persons).tolist() == expected


def test_evaluation_windows_are_the_frames_that_they_name(two_cpus):
    clips, labels, ids = read(stream().evaluation("test"))
    running, boxing = first_frames(40, 10, 3), first_frames(32, 10, 10)
    assert ids == [f"person17_running_d1-0+{f}" for f in running] + [f"person25_boxing_d1-0+{f}" for f in boxing]
    assert clips.shape == (len(ids), 10, 1, 6, 6) and labels.shape == (len(ids), 5) and not labels.any()
    film = footage()
    for clip, name in zip(clips, ids, strict=True):
        index, first = film.ids.index(name.rpartition("+")[0]), int(name.rpartition("+")[2])
        frames = film.frames[film.offsets[index] + first :][:10]
        assert np.array_equal(clip[:, 0].numpy(), frames)
    assert stream().facts(ids[-1:]) == {"person": [25]}
    few = read(stream(num_clips=[7, 3, 4]).evaluation("test"))[2]
    assert len(few) == 4 and (few[0], few[-1]) == (ids[0], ids[-1])


def test_an_epoch_shows_every_window_before_one_comes_again(two_cpus):
    every = {f"person02_jogging_d1-0+{f}" for f in first_frames(41, 10, 3)}
    every |= {f"person16_walking_d1-0+{f}" for f in first_frames(36, 10, 10)}
    count = 2 * len(every)
    asked = stream(num_clips=[count, 3, 3], sampling_start=0.5)
    clips, labels, ids = read(asked.training(0, 1))
    assert set(ids[: len(every)]) == set(ids[len(every) :]) == every and ids[: len(every)] != ids[len(every) :]
    assert np.array_equal(labels.numpy(), asked.data.shown_in_epoch(0, 1, count, 3))
    again, other = read(asked.training(0, 1)), read(asked.training(0, 2))
    assert torch.equal(again[0], clips) and again[2] == ids and other[2] != ids
    assert asked.num_clips("train") == count and asked.num_clips("validation") == 3


def test_windows_drift_when_asked_to(two_cpus):
    still, moved = (read(stream().evaluation("test", velocity))[0] for velocity in ((0, 0), (0, 1)))
    for time in range(10):
        assert torch.equal(moved[:, time], torch.roll(still[:, time], time, -1))
    drawn = stream().velocities("test", 2)
    assert np.abs(drawn).max() <= 2 and np.array_equal(drawn, stream(batch_size=1).velocities("test", 2))


def test_the_prepare_steps_clips_are_cut_into_windows(prepared, two_cpus):
    data = DATA.override({"size": 8, "num_frames": 20, "num_clips": [4, 2, 5]})
    source = data_set("kth-video")
    home = source.folder_of(prepared, data)
    manifest = Manifest.read(home)
    clips, labels, ids = read(source.read(home, manifest).stream(data, 2).training(0, 1))
    assert clips.shape == (4, 20, 1, 8, 8) and labels.shape == (4, 15) and len(set(ids)) == 4
    assert source.num_clips(data, manifest, True) == {"train": 4, "validation": 2, "test": 5}


def test_a_split_without_a_window_is_refused():
    with pytest.raises(DataError, match="the train split has no window of 60 frames"):
        stream(num_frames=60)
