"""Sequences of moving digits: as the published code draws them, from named seeds, in splits that share no digit.

Published draws: akandykeller/FERNN @7def7bc, moving_mnist_fp/moving_mnist_dataset.py (54-99) and
rotating_mnist_fp/rotating_mnist_dataset.py (51-83), whose sequences are in ``tests/golden``; the published splits
share digits (moving_mnist_fp/train.py 78-113).
"""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from data.mnist.prepare import folder_of, prepare
from data.mnist.schema import Part, read_parts
from data.mnist.stream import Digits, DigitStream, draw
from data.stream import Corpus
from fernn.config import RotatingMNISTConfig, TranslatingMNISTConfig
from fernn.seeding import generator

COUNTS = (12, 4, 6)
TRANSLATING = TranslatingMNISTConfig(num_sequences=COUNTS, num_frames=6, input_frames=3)
ROTATING = RotatingMNISTConfig(num_sequences=COUNTS, num_frames=6, input_frames=3)
BOTH = pytest.mark.parametrize("data", [TRANSLATING, ROTATING], ids=["translating", "rotating"])


@pytest.fixture(scope="module")
def digits():
    random = np.random.default_rng(0)
    parts = {"train": 100, "test": 40}
    pictures = {n: random.integers(0, 256, (k, 28, 28)).astype(np.uint8) for n, k in parts.items()}
    return Corpus(Digits({n: Part(pictures[n], np.arange(k)) for n, k in parts.items()}), DigitStream)


def joined(batches):
    batches = list(batches)
    return torch.cat([batch.clips for batch in batches]), torch.cat([batch.labels for batch in batches])


@BOTH
def test_evaluation_is_fixed_and_training_is_fresh_every_epoch(data, digits):
    stream = digits.stream(data, 5)
    test, labels = joined(stream.evaluation("test"))
    again, _ = joined(digits.stream(data, 3).evaluation("test"))
    assert test.shape == (6, 6, 1, data.size, data.size) and labels.shape == (6, 2) and torch.equal(test, again)
    first, second, other = (joined(stream.training(*names))[0] for names in ((0, 1), (0, 2), (1, 1)))
    assert torch.equal(first, joined(stream.training(0, 1))[0])
    assert not torch.equal(first, second) and not torch.equal(first, other)
    assert [batch.ids[0] for batch in stream.evaluation("test")] == ["test-0", "test-5"]


@BOTH
def test_fewer_sequences_are_the_first_of_more(data, digits):
    few = joined(digits.stream(replace(data, num_sequences=(4, 4, 3)), 3).evaluation("test"))[0]
    assert torch.equal(few, joined(digits.stream(data, 3).evaluation("test"))[0][:3])


@BOTH
def test_the_splits_share_no_digit_unless_published(data, digits):
    stream = digits.stream(replace(data, num_sequences=(300, 100, 50)), 100)
    train, validation = (
        set(joined(b)[1].flatten().tolist()) for b in (stream.training(0, 1), stream.evaluation("validation"))
    )
    assert train <= set(range(90)) and validation <= set(range(90, 100))
    published = digits.stream(replace(data, num_sequences=(9, 100, 9), protocol="published"), 100)
    assert min(joined(published.evaluation("validation"))[1].flatten().tolist()) < 90


@BOTH
def test_given_velocities_replace_their_own_and_nothing_else(data, digits):
    stream = digits.stream(data, 6)
    zero = (0, 0) if data is TRANSLATING else (0.0,)
    still = joined(stream.evaluation("test", zero))[0]
    assert torch.equal(still[:, 0], joined(stream.evaluation("test"))[0][:, 0])
    assert all(torch.allclose(still[:, 0], still[:, time], atol=1e-6) for time in range(6))
    drawn = stream.velocities("test", 0)
    assert drawn.shape == (6, len(zero)) and torch.equal(joined(stream.evaluation("test", drawn))[0], still)
    assert np.abs(stream.velocities("test", 3)).max() <= (3 if data is TRANSLATING else 30)


def test_velocities_and_places_reach_all_their_values():
    drawn = draw(TranslatingMNISTConfig(velocity_range=1), generator("x"), 4000, 7)
    assert {tuple(v) for v in drawn.velocities.reshape(-1, 2).tolist()} == {
        (y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)
    }
    assert set(drawn.digits.flatten()) == set(range(7)) and set(drawn.starts.flatten()) == set(range(28))
    turning = draw(RotatingMNISTConfig(velocity_range=2), generator("x"), 4000, 7)
    assert set(turning.velocities.flatten()) == {-20, -10, 0, 10, 20}
    assert 0 <= turning.starts.min() < 1 and 359 < turning.starts.max() < 360


@pytest.mark.skipif("FERNN_MNIST" not in os.environ, reason="FERNN_MNIST names a folder with MNIST's files")
@pytest.mark.parametrize("name", ["translating", "rotating"])
def test_published_draws_are_repeated(name, tmp_path, golden_folder):
    manifest = prepare(tmp_path, files=Path(os.environ["FERNN_MNIST"]))
    values = load_file(golden_folder / f"{name}_mnist_sequences.safetensors")
    expected = values.get("out.sequences_u8", values.get("out.sequences"))
    data = TRANSLATING if name == "translating" else replace(ROTATING, size=28)
    data = replace(data, num_frames=expected.shape[1], protocol="published", num_sequences=(1, 1, len(expected)))
    clips, labels = joined(DigitStream(Digits(read_parts(folder_of(tmp_path), manifest)), data, 4).evaluation("test"))
    assert torch.equal(labels, values["out.labels"])
    torch.testing.assert_close(clips, expected, rtol=0, atol=1e-5)


@BOTH
def test_published_draws_of_a_given_velocity_are_those_of_a_range_of_one(data, digits):
    """FixedVelocity of akandykeller/FERNN @7def7bc: RandomState(42); randint(v, v + 1) and choice([v]) draw nothing."""
    data, random = replace(data, protocol="published"), np.random.RandomState(42)
    turns = isinstance(data, RotatingMNISTConfig)
    given = [20.0] if turns else [1, -2]
    expected = []
    for _ in range(data.num_sequences[2]):
        chosen = [random.randint(0, 40) for _ in range(2)]
        starts = [[random.uniform(0, 360)] if turns else [random.randint(0, 28), random.randint(0, 28)] for _ in chosen]
        expected.append((chosen, [start if turns else start[::-1] for start in starts]))
    draws = digits.stream(replace(data, velocity_range=0), 4)._draws("test")
    assert draws.digits.tolist() == [chosen for chosen, _ in expected]
    assert np.allclose(draws.starts, [starts for _, starts in expected])
    clips, labels = joined(digits.stream(data, 4).evaluation("test", given))
    assert labels.tolist() == draws.digits.tolist()
    assert not torch.equal(labels, joined(digits.stream(data, 4).evaluation("test"))[1])
    moved = joined(digits.stream(replace(data, velocity_range=0), 4).evaluation("test"))[0]
    assert torch.equal(clips[:, 0], moved[:, 0]) and not torch.equal(clips[:, 1], moved[:, 1])
