"""Which windows of which tiles a split has."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from itertools import pairwise
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
    whole: dict[str, list[Window]] = {split: [] for split in (*SPLITS, "domain")}
    for name, length in lengths.items():
        held_out = {"domain": _starts(0, length, data)}
        starts = held_out if is_held_out(name, data) else dict(zip(SPLITS, periods(length, data), strict=True))
        for split, firsts in starts.items():
            whole[split] += [
                (name, first) for first in firsts
                if not any(first < frame < first + data.num_frames for frame in breaks.get(name, ()))
            ]  # fmt: skip
    return {
        split: evenly(sorted(group, key=lambda window: window[1]), most)
        for (split, group), most in zip(whole.items(), data.num_clips, strict=True)
    }


def count_windows(
    lengths: Mapping[str, int], data: FieldsConfig, breaks: Mapping[str, Sequence[int]] = MappingProxyType({})
) -> dict[str, int]:
    """How many windows each split has, those of the domain test counted with the test's."""
    counts = {split: len(group) for split, group in windows(lengths, data, breaks).items()}
    domain = counts.pop("domain")
    return counts | {"test": counts["test"] + domain}


def is_held_out(tile: str, data: FieldsConfig) -> bool:
    """Whether the tile is of the domain test."""
    return any(fnmatch(tile, pattern) for pattern in data.domain)


def periods(length: int, data: FieldsConfig) -> list[range]:
    """The first frames of training, validation and test windows of a tile with so many frames."""
    used = frames_used(length, data)
    if data.protocol == "published":
        return [range(first, last) for first, last in pairwise(cut_at(max(0, used - data.num_frames + 1), data))]
    return [_starts(first, last, data) for first, last in pairwise(cut_at(used, data))]


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
    places = range(len(found)) if len(found) <= most else np.linspace(0, len(found) - 1, most).round().astype(int)
    return [found[place] for place in places]


def _starts(first: int, last: int, data: FieldsConfig) -> range:
    return range(first, max(first, last - data.num_frames + 1))
