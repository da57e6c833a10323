"""Training, validation and test: the names of the splits, and counts by them."""

from collections import Counter
from collections.abc import Iterable, Sequence

from fernn.experiment import Split

SPLITS: tuple[Split, ...] = ("train", "validation", "test")


def by_split(counts: Sequence[int]) -> dict[str, int]:
    """Three numbers by the names of the splits."""
    return dict(zip(SPLITS, counts, strict=True))


def count_splits(splits: Iterable[str]) -> dict[str, int]:
    """How many entries each split has, 0 where it has none."""
    counts = Counter(splits)
    return {split: counts[split] for split in SPLITS}
