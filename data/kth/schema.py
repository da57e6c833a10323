"""The columns of KTH's prepared clips, and which person trains, validates and tests.

A split is applied when clips are read: prepared data keeps the person, so no split is built into it.
"""

from collections.abc import Iterable

import pyarrow as pa

from data.data_set import count_splits
from data.preparing.frames import frames_type
from data.preparing.parquet import columns
from fernn.config.kth import PERSONS

SCHEMA = columns(
    id=pa.string(), person=pa.int32(), action=pa.string(), label=pa.int32(), scenario=pa.int32(), first=pa.int32(),
    last=pa.int32(), num_frames=pa.int32(), frames=frames_type(3), sha256=pa.string(),
)  # fmt: skip
"""One row a clip: an annotated range of one video.

``frames[0]`` is frame ``first`` of the video. ``first`` and ``last`` are 0-based, inclusive, and clipped to the video's
``num_frames``. Where the video goes on, ``frames`` holds one frame more than the range, frame ``last + 1``: whoever
reads the 1-based annotation as 0-based, as the published code does, finds that range in ``frames[1:]``.
"""
HASHED = ("id", "label", "first", "last", "num_frames", "sha256")
"""The columns that decide the hash of the clips: their labels, places in their videos, and frames."""


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
