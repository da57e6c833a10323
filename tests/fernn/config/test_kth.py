"""The config of KTH: its persons, the frames that a clip spans, and what is said of the split."""

import pytest

from fernn.config import KTHConfig
from fernn.config.kth import PERSONS


def test_no_person_is_in_two_parts_and_none_is_left_out():
    for parts in PERSONS.values():
        assert sorted(person for persons in parts.values() for person in persons) == list(range(1, 26))


def test_a_clip_spans_the_frames_between_its_own():
    assert KTHConfig().span == 32 and KTHConfig(num_frames=4, frame_step=3).span == 12


def test_the_split_is_named_by_person():
    assert KTHConfig().split_note().startswith("Split `paper`, by person: train 1, 2, 3")
    assert "; validation 1, 4, 19, 20, 21" in KTHConfig(split="official").split_note()
    assert KTHConfig(split="official").note() == "Protocol: default; split: official."


def test_steps_and_splits_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="data.frame_step must be 1 or more, got 0"):
        KTHConfig().override({"frame_step": 0})
    with pytest.raises(ValueError, match="split must be one of paper, official, random, got 'other'"):
        KTHConfig().override({"split": "other"})
