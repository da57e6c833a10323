"""Which windows of which tiles a split has."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from types import MappingProxyType

import numpy as np

from data.data_set import SPLITS
from fernn.config import FieldsConfig

Window = tuple[str, int]
"""A tile's name and a first frame."""


def windows(
    lengths: Mapping[str, int], data: FieldsConfig, breaks: Mapping[str, Sequence[int]] = MappingProxyType({})
) -> dict[str, list[Window]]:
    """The windows of "train", "validation", "test" and "domain", by first frame and then by tile.

    ``lengths`` has every tile's number of frames, ``breaks`` those that do not follow the one before: no window has
    both. See :class:`fernn.config.fields.FieldsConfig` for the rule.
    """
    inside = {name: length for name, length in lengths.items() if not is_held_out(name, data)}
    found: dict[str, list[Window]] = {split: [] for split in SPLITS}
    for name, length in inside.items():
        for split, starts in zip(SPLITS, periods(length, data), strict=True):
            found[split] += [(name, start) for start in starts]
    held = [(n, start) for n, length in lengths.items() if n not in inside for start in _starts(0, length, data)]
    found["domain"] = held
    order = {name: place for place, name in enumerate(lengths)}
    whole = {
        split: [(name, start) for name, start in mine if not _spans(start, data.num_frames, breaks.get(name, ()))]
        for split, mine in found.items()
    }
    every = {split: sorted(mine, key=lambda one: (one[1], order[one[0]])) for split, mine in whole.items()}
    return {split: evenly(mine, most) for (split, mine), most in zip(every.items(), data.num_clips, strict=True)}


def count_windows(
    lengths: Mapping[str, int], data: FieldsConfig, breaks: Mapping[str, Sequence[int]] = MappingProxyType({})
) -> dict[str, int]:
    """How many windows each split has, those of the domain test counted with the test's."""
    found = {split: len(mine) for split, mine in windows(lengths, data, breaks).items()}
    return {"train": found["train"], "validation": found["validation"], "test": found["test"] + found["domain"]}


def is_held_out(tile: str, data: FieldsConfig) -> bool:
    """Whether the tile is of the domain test."""
    return any(fnmatch(tile, pattern) for pattern in data.domain)


def periods(length: int, data: FieldsConfig) -> list[range]:
    """The first frames of training, validation and test windows of a tile with so many frames."""
    used = frames_used(length, data)
    if data.protocol == "published":
        cuts = cut_at(max(0, used - data.num_frames + 1), data)
        return [range(first, last) for first, last in zip(cuts, cuts[1:], strict=False)]
    cuts = cut_at(used, data)
    return [_starts(first, last, data) for first, last in zip(cuts, cuts[1:], strict=False)]


def frames_used(length: int, data: FieldsConfig) -> int:
    """How many of a tile's frames windows are cut from."""
    most = data.published_frames if data.protocol == "published" else None
    return length if most is None else min(length, most)


def cut_at(length: int, data: FieldsConfig) -> list[int]:
    """Where so many frames are cut: 0, two places between, the end."""
    train, validation, _ = data.shares
    return [0, round(length * train), round(length * (train + validation)), length]


def evenly(found: Sequence[Window], most: int) -> list[Window]:
    """At most so many of the windows, at even distances."""
    if len(found) <= most:
        return list(found)
    return [found[place] for place in np.linspace(0, len(found) - 1, most).round().astype(int)] if most else []


def _spans(start: int, num_frames: int, breaks: Sequence[int]) -> bool:
    """Whether a window has a gap inside."""
    return any(start < frame < start + num_frames for frame in breaks)


def _starts(first: int, last: int, data: FieldsConfig) -> range:
    return range(first, max(first, last - data.num_frames + 1))
