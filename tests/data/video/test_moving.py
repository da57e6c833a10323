"""Moving MNIST: digits bounce as a plain loop has them, from named seeds, in splits that share no digit.

The loops follow emansim/unsupervised-videos @29407a8, data_handler.py, BouncingMNISTDataHandler: GetRandomTrajectory
(373-413), Overlap (415-417) and GetBatch (420-445), one point and one axis at a time.
"""

import numpy as np
import pytest
import torch

from data.errors import DataError
from data.mnist.schema import Part
from data.mnist.stream import Digits
from data.stream import Corpus
from data.video.moving import MovingStream, bounced, draw_digits
from fernn.config import MovingConfig

DATA = MovingConfig(size=34, num_frames=6, input_frames=3, num_clips=(12, 4, 6), speed=2.5)


@pytest.fixture(scope="module")
def digits():
    random = np.random.default_rng(0)
    parts = {"train": 100, "test": 40}
    pictures = {n: random.integers(0, 256, (k, 28, 28)).astype(np.uint8) for n, k in parts.items()}
    standard = random.integers(0, 256, (5, 20, 64, 64)).astype(np.uint8)
    return Corpus(Digits({n: Part(pictures[n], np.arange(k)) for n, k in parts.items()}, standard), MovingStream)


def joined(batches):
    batches = list(batches)
    return torch.cat([batch.clips for batch in batches]), torch.cat([batch.labels for batch in batches])


def test_points_bounce_as_in_a_plain_loop():
    random = np.random.default_rng(1)
    starts, angles, step = random.random((3, 2, 2)), 2 * np.pi * random.random((3, 2)), 0.23
    found = bounced(starts, angles, 30, step)
    for clip, digit in np.ndindex(3, 2):
        place = list(starts[clip, digit])
        velocity = [np.sin(angles[clip, digit]), np.cos(angles[clip, digit])]
        for time in range(30):
            for axis in (0, 1):
                place[axis] += velocity[axis] * step
                if place[axis] <= 0:
                    place[axis], velocity[axis] = 0.0, -velocity[axis]
                if place[axis] >= 1:
                    place[axis], velocity[axis] = 1.0, -velocity[axis]
            np.testing.assert_allclose(found[clip, digit, time], place, rtol=0, atol=1e-12)
    assert found.min() == 0 and found.max() == 1


def test_the_brighter_digit_is_in_front():
    random = np.random.default_rng(2)
    pictures = random.integers(0, 256, (2, 3, 28, 28)).astype(np.uint8)
    corners = random.integers(0, 7, (2, 3, 4, 2))
    found = draw_digits(pictures, corners, 34)
    for clip, time in np.ndindex(2, 4):
        expected = np.zeros((34, 34), np.uint8)
        for digit in range(3):
            y, x = corners[clip, digit, time]
            part = expected[y : y + 28, x : x + 28]
            part[:] = np.maximum(part, pictures[clip, digit])
        assert np.array_equal(found[clip, time].numpy(), expected)


def test_batches_come_from_named_seeds_and_say_what_a_step_shows(digits, two_cpus):
    data = DATA.override({"sampling_start": 0.5})
    first, again, other = (joined(digits.stream(data, 5).training(0, epoch)) for epoch in (1, 1, 2))
    assert first[0].shape == (12, 6, 1, 34, 34) and first[0].dtype == torch.uint8
    assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1]) and not torch.equal(first[0], other[0])
    assert np.array_equal(first[1].numpy(), data.shown_in_epoch(0, 1, 12, 5))
    clips, labels = joined(digits.stream(data, 3).evaluation("validation"))
    assert clips.shape[0] == 4 and not labels.any()
    assert torch.equal(clips, joined(digits.stream(data, 4).evaluation("validation"))[0])


def test_splits_share_no_digit(digits):
    stream = digits.stream(DATA, 4)
    labels = {split: set(stream.part(split).labels) for split in ("train", "validation")}
    assert len(labels["train"]) == 90 and not labels["train"] & labels["validation"]
    assert len(stream.part("test").labels) == 40


def test_a_clip_drifts_as_a_whole(digits, two_cpus):
    stream = digits.stream(DATA, 6)
    still, moved = (joined(stream.evaluation("test", velocity))[0] for velocity in ((0, 0), (1, -2)))
    assert torch.equal(still, joined(stream.evaluation("test"))[0])
    for time in range(6):
        assert torch.equal(moved[:, time], torch.roll(still[:, time], (time, -2 * time), (-2, -1)))
    drawn = stream.velocities("test", 2)
    assert drawn.shape == (6, 2) and np.abs(drawn).max() <= 2 and not stream.velocities("test", 0).any()
    shaken = digits.stream(DATA.override({"velocity_range": 2}), 6)
    assert torch.equal(joined(shaken.evaluation("test"))[0], joined(stream.evaluation("test", drawn))[0])


def test_the_published_protocol_tests_on_the_standard_clips(digits, two_cpus):
    stream = digits.stream(MovingConfig(protocol="published"), 2)
    batches = list(stream.evaluation("test"))
    assert torch.equal(torch.cat([b.clips for b in batches])[:, :, 0], torch.from_numpy(digits.content.standard))
    assert stream.num_clips("test") == 5 and batches[0].ids == ["standard-0", "standard-1"]
    with pytest.raises(DataError, match="no standard test clips"):
        MovingStream(Digits(digits.content.parts), MovingConfig(protocol="published"), 2).num_clips("test")
