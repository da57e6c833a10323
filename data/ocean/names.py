"""What regions are called: by their files' names, without dates."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from data.errors import DataError
from data.ocean.opening import SUFFIXES

DATES = re.compile(r"([-_]\d{4}-\d{2}(-\d{2})?|-(\d{4}|\d{6}|\d{8}|\d{10}|\d{14}))+$")
"""Dates at the end of a name, as in south-pacific-2002-01-31."""


def named(path: Path) -> str:
    """What a file's region is called: the file's name without dates at its ends, "-" as "_"."""
    stem = _stem(path)
    name = re.sub(r"^globcurrent-.*", "globcurrent", stem.lstrip("0123456789-_").lower())
    return DATES.sub("", name).replace("-", "_") or stem


def common_name(paths: Sequence[Path]) -> str:
    """What the region of several files is called: the words that all names begin with, or end with, or the first's."""
    words = [re.split(r"[_.\s]+", named(path)) for path in paths]
    if all(parts == words[0] for parts in words):
        return named(paths[0])
    first = os.path.commonprefix(words)
    last = os.path.commonprefix([parts[::-1] for parts in words])[::-1]
    return "_".join(first or last) or named(paths[0])


def names_of(groups: Sequence[Sequence[Path]]) -> list[str]:
    """A name for the files of each region: longer ones, with dates or the folder, where two would be the same.

    Raises DataError, which names two files, where these are the same too.
    """
    names = [common_name(paths) for paths in groups]
    for longer in (_whole, _in_folder):
        names = [longer(paths[0]) if names.count(name) > 1 else name for paths, name in zip(groups, names, strict=True)]
    for place, name in enumerate(names):
        if (first := names.index(name)) < place:
            raise DataError(
                f"{groups[first][0]} and {groups[place][0]} are of two regions, which would both be called {name}: "
                "rename one of the files"
            )
    return names


def _stem(path: Path) -> str:
    return SUFFIXES.sub("", path.name) or path.stem


def _whole(path: Path) -> str:
    return _stem(path).lower().replace("-", "_")


def _in_folder(path: Path) -> str:
    return f"{path.parent.name.lower().replace('-', '_')}_{_whole(path)}".lstrip("_")
