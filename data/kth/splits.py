"""Which person trains, validates and tests.

A split is applied when clips are read: prepared data keeps the person, so no split is built into it.
"""

from collections import Counter
from collections.abc import Iterable

SPLITS: dict[str, dict[str, frozenset[int]]] = {
    "paper": {
        "train": frozenset(range(1, 17)),
        "validation": frozenset(range(17, 21)),
        "test": frozenset(range(21, 26)),
    },
    "official": {
        "train": frozenset(range(11, 19)),
        "validation": frozenset({19, 20, 21, 23, 24, 25, 1, 4}),
        "test": frozenset({22, 2, 3, 5, 6, 7, 8, 9, 10}),
    },
}
"""The persons of each part: "paper" as in FERNN's KTH experiment, "official" as KTH's authors set it."""


def split_of(person: int, name: str = "paper") -> str:
    """The part ("train", "validation" or "test") of the split ``name`` that ``person`` belongs to."""
    if name not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, got {name!r}")
    for part, persons in SPLITS[name].items():
        if person in persons:
            return part
    raise ValueError(f"person must be 1 to 25, got {person}")


def count_by_split(persons: Iterable[int]) -> dict[str, dict[str, int]]:
    """For every split, how many of ``persons`` (one entry a clip) fall into each part."""
    counts = Counter(persons)
    return {
        name: {part: sum(counts[person] for person in members) for part, members in parts.items()}
        for name, parts in SPLITS.items()
    }
