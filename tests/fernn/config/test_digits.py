"""Configs of moving digits: what cannot be is refused, and how they can be set in motion."""

import pytest

from fernn.config import RotatingMNISTConfig, TranslatingMNISTConfig


@pytest.mark.parametrize(
    ("data", "fields", "message"),
    [
        (TranslatingMNISTConfig(), {"size": 27}, "data.size must be 28 or more, got 27"),
        (TranslatingMNISTConfig(), {"num_digits": 0}, "data.num_digits must be 1 or more, got 0"),
        (TranslatingMNISTConfig(), {"num_sequences": [1, 0, 1]}, r"data.num_sequences must be 1 or more each, got \(1"),
        (RotatingMNISTConfig(), {"angle_step": 0.0}, "data.angle_step must be above 0, got 0"),
        (RotatingMNISTConfig(), {"input_frames": 20}, "data.input_frames must be below data.num_frames = 20, got 20"),
    ],
)
def test_what_cannot_be_is_refused(data, fields, message):
    with pytest.raises(ValueError, match=message):
        data.override(fields)


def test_digits_drift_by_pixels_and_turn_by_degrees():
    drift, turn = TranslatingMNISTConfig(size=40).motion, RotatingMNISTConfig(angle_step=20.0).motion
    assert (drift.axes, drift.most, drift.unit) == (("vy", "vx"), 20, "pixels per frame")
    assert (turn.axes, turn.most, turn.step, turn.unit) == (("angle",), 9, 20.0, "degrees per frame")


def test_the_note_counts_sequences_and_given_frames():
    note = TranslatingMNISTConfig(num_sequences=(1200, 30, 40), input_frames=6).note()
    assert "1,200 sequences an epoch, 30 for validation, 40 for test" in note
    assert note.endswith("6 of 20 frames are given.")
