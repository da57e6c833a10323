"""Splits: their names, and counts by them."""

import pytest

from data.data_set import SPLITS, by_split, count_splits


def test_numbers_go_to_the_splits_in_their_order():
    assert by_split((3, 2, 1)) == {"train": 3, "validation": 2, "test": 1} and tuple(by_split((3, 2, 1))) == SPLITS
    with pytest.raises(ValueError, match="zip"):
        by_split((3, 2))


def test_a_split_without_entries_counts_none():
    assert count_splits(["test", "train", "test"]) == {"train": 1, "validation": 0, "test": 2}
