"""Which person trains, validates and tests.

A split is applied when clips are read: prepared data keeps the person, so no split is built into it.
"""

from collections.abc import Iterable

from data.data_set import count_splits
from fernn.config.kth import PERSONS


def split_of(person: int, name: str = "paper") -> str:
    """The part ("train", "validation" or "test") of the split ``name`` that ``person`` belongs to."""
    if name not in PERSONS:
        raise ValueError(f"split must be one of {', '.join(PERSONS)}, got {name!r}")
    for part, persons in PERSONS[name].items():
        if person in persons:
            return part
    raise ValueError(f"person must be 1 to 25, got {person}")


def count_by_split(persons: Iterable[int]) -> dict[str, dict[str, int]]:
    """For every split, how many of ``persons`` (one entry a clip) fall into each part."""
    counted = list(persons)
    return {name: count_splits(split_of(person, name) for person in counted) for name in PERSONS}
