"""Configs of video prediction: scheduled sampling, and what is refused."""

import numpy as np
import pytest

from fernn.config import MovingConfig, VideoConfig, data_config

DATA = VideoConfig(size=16, num_frames=5, input_frames=2)


def test_the_share_of_true_frames_falls_with_the_step_and_ends():
    data = MovingConfig()
    assert data.truth_share(1) == pytest.approx(1 - 2e-5) and data.truth_share(49_999) == pytest.approx(2e-5)
    assert data.truth_share(50_000) == data.truth_share(80_000) == 0
    early, late = (data.shown_in_epoch(0, epoch, 10_000, 4) for epoch in (1, 21))
    assert early.shape == (10_000, 9) and early.mean() == pytest.approx(0.975, abs=0.01) and not late.any()


def test_what_a_step_shows_comes_from_the_seed_and_its_number():
    data = DATA.override({"sampling_rate": 0.01})
    epochs = np.concatenate([data.shown_in_epoch(3, epoch, 5, 2) for epoch in (1, 2)])
    assert np.array_equal(epochs[5:7], data.shown_in_epoch(3, 1, 10, 2)[6:8])  # the fourth step either way
    assert np.array_equal(epochs, np.concatenate([data.shown_in_epoch(3, epoch, 5, 2) for epoch in (1, 2)]))
    assert not np.array_equal(data.shown_in_epoch(0, 9, 5, 2), data.shown_in_epoch(1, 9, 5, 2))
    assert not data.override({"sampling_start": 0.0}).shown_in_epoch(0, 1, 50, 2).any()


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("moving-mnist", {"input_frames": 20}, "data.input_frames must be below data.num_frames = 20, got 20"),
        ("moving-mnist", {"l1_weight": 0.0, "l2_weight": 0.0}, "one above 0, got 0 and 0"),
        ("moving-mnist", {"sampling_rate": -1.0}, "data.sampling_rate must be 0 or more, got -1.0"),
        ("moving-mnist", {"size": 20}, "data.size must be 28 or more"),
        ("moving-mnist", {"speed": -1.0}, "data.speed must be 0 or more, got -1"),
        ("moving-mnist", {"size": 48, "protocol": "published"}, "has 64x64 pixels and 20 frames, got data.size"),
        ("moving-mnist", {"num_clips": [1, 1, 0]}, "data.num_clips must be 1 or more each"),
        ("kth-video", {"protocol": "published"}, "data.protocol must be default for kth-video"),
        ("kth-video", {"frame_step": 0}, "data.frame_step must be 1 or more, got 0"),
    ],
)  # fmt: skip
def test_values_that_do_not_fit_are_refused(name, fields, message):
    with pytest.raises(ValueError, match=message):
        data_config(name).override(fields)
