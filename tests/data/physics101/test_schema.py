"""The ramp's clips are split by clip and by object, and their hash is of their content.

Published are 311 clips for training and 78 for tests (dylandoblar/noether-networks @c7a65a2,
video_prediction/README.md 45-46); validation clips are taken from the former.
"""

from data.physics101.prepare import PUBLISHED_CLIPS
from data.physics101.schema import count_by_split, object_of, split_by


def test_splits_have_the_published_sizes_and_objects_are_held_out_whole():
    names = [f"object_{i % 44:02d}/20_01/{i // 44:02d}" for i in range(390)]
    assert count_by_split(names, "clip") == PUBLISHED_CLIPS
    assert split_by(names, "clip") == split_by(reversed(names), "clip")
    splits = split_by(names, "object")
    held = {split: {object_of(name) for name in names if splits[name] == split} for split in PUBLISHED_CLIPS}
    assert not held["train"] & held["test"] and not held["validation"] & (held["train"] | held["test"])
    assert 78 <= count_by_split(names, "object")["test"] < 78 + 9
