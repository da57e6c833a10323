"""Digits for a machine without MNIST: made here, and never to be taken for MNIST."""

import numpy as np
import pytest

from data.errors import DataError
from data.mnist import demo
from data.mnist.prepare import folder_of, prepare
from data.mnist.schema import read_parts


def test_rendered_digits_are_marked_deterministic_and_unlike_each_other(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "NUM_DIGITS", {"train": 40, "test": 20})
    manifest = demo.prepare(tmp_path / "one")
    assert (
        manifest.demo and manifest.dataset == "rendered-digits" and manifest.hash == demo.prepare(tmp_path / "two").hash
    )
    pictures = read_parts(folder_of(tmp_path / "one"), manifest)["train"].pictures
    assert len(np.unique(pictures.reshape(40, -1), axis=0)) == 40
    assert pictures.max() > 200 and (pictures[:, [0, -1]] == 0).all() and pictures.mean() > 10
    with pytest.raises(DataError, match="holds rendered-digits, asked for is mnist"):
        prepare(tmp_path / "one")


def test_a_digit_is_drawn_by_its_part_and_place():
    first, other = demo.draw(3, "train", 0), demo.draw(3, "test", 0)
    assert first.shape == (28, 28) and first.dtype == np.uint8 and np.array_equal(first, demo.draw(3, "train", 0))
    assert not np.array_equal(first, other) and not np.array_equal(first, demo.draw(8, "train", 0))
    assert demo.render("train", 12).labels.tolist() == [*range(10), 0, 1]
