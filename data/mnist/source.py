"""MNIST's digits as people have them on disk: four idx files or Keras' mnist.npz, in one of many layouts of folders.

Names may have "." or "-" before "idx", any case, .gz or not, a data set's name in front ("emnist-mnist-") and a
browser's count of copies (" (1)"); each file may stand in a folder of its own name, as
some tools unpack them, and all may stand some folders down, as torchvision has them in MNIST/raw.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import DataError
from data.files import files_below
from data.mnist.formats import LABELS, PICTURES, WAY_OUT, paired, read_idx, read_npz
from data.mnist.schema import Part, content_hash, stand_in
from data.sources.arrays import GreyLevels
from data.terminal import say

NAMES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
"""MNIST's four files, as they are or with .gz behind."""
COPY = r"( ?\(\d+\)| - copy( \(\d+\))?)?"
"""What browsers and file managers write behind the name of a second copy."""
IDX = re.compile(
    rf"((?P<set>((fashion|k|e|q)[-_]?)?mnist([-_](mnist|digits))?)[-_. ])?(?P<part>train|t10k|test)[-_. ]"
    rf"(?P<kind>images|labels){COPY}[-_. ]?idx[13][-_. ]?ubyte{COPY}(\.gz{COPY})?",
    re.IGNORECASE,
)
ARRAYS = re.compile(rf"((fashion|k|e|q)[-_]?)?mnist{COPY}\.npz", re.IGNORECASE)
ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".7z", ".rar")


@dataclass(frozen=True)
class Source:
    """Digits and the files that they were read from, by part."""

    home: Path
    parts: Mapping[str, Part]
    files: Mapping[str, tuple[Path, ...]]

    @cached_property
    def hash(self) -> str:
        """The hash of the digits, the same in every layout."""
        return content_hash(self.parts)

    @cached_property
    def stand_in(self) -> str:
        """What they are where they are not MNIST's, "" for MNIST."""
        return stand_in(self.parts, self.files)

    @property
    def title(self) -> str:
        """What they are, for people."""
        return self.stand_in or "MNIST"


def read_source(given: Path) -> Source:
    """The digits in a folder, or of the file mnist.npz.

    Of several sets of digits in one folder MNIST's are taken, which a line says. Raises DataError, which names file
    and rule, where there are none, where one is damaged, and where it cannot be told which to take.
    """
    if not given.exists():
        raise DataError(f"{given} is not there: {WAY_OUT}")
    sources = [_read(*files) for files in (_in_file(given) if given.is_file() else _in_folder(given))]
    return sources[0] if len({source.hash for source in sources}) == 1 else _chosen(given, sources)


def _chosen(given: Path, sources: Sequence[Source]) -> Source:
    others = "; ".join(f"{source.home} ({source.title})" for source in sources)
    chosen = next((source for source in sources if not source.stand_in), None)
    if chosen is None:
        raise DataError(f"{given} holds several sets of digits, and none is MNIST: give one of {others}")
    say(f"{given} holds several sets of digits: {chosen.home} is taken, of {others}")
    return chosen


def _in_file(path: Path) -> list[tuple[Path, Sequence[Path]]]:
    if path.suffix.lower() == ".npz":
        return [(path, [path])]
    if IDX.fullmatch(path.name):
        return _in_folder(path.parent, _set_of(path)[1])
    packed = ", but an archive, which is to be unpacked first" if path.name.lower().endswith(ARCHIVES) else ""
    raise DataError(f"{path} is none of MNIST's files{packed}: {WAY_OUT}")


def _in_folder(folder: Path, title: str | None = None) -> list[tuple[Path, Sequence[Path]]]:
    """The files of each whole set of digits in the folder, the nearest first, each with the path by which it is given.

    One right in the folder hides those below. Of sets whose files have a name in front, all or those of that ``title``
    are read.
    """
    sets: dict[tuple[Path, str], list[Path]] = {}
    paths = [path for path in files_below(folder, IDX) if title in (None, _set_of(path)[1])]
    for path in paths:
        sets.setdefault(_set_of(path), []).append(path)
    whole = {key: files for key, files in sets.items() if not _missing(files)}
    if title is None:
        whole |= {(path.parent, path.name): [path] for path in files_below(folder, ARRAYS)}
    here = {key: files for key, files in whole.items() if key[0] == folder}
    if not whole:
        return [(folder, _together(folder, paths))]
    return [(files[0] if name else home, files) for (home, name), files in (here or whole).items()]


def _together(folder: Path, paths: Sequence[Path]) -> Sequence[Path]:
    """The four files of one name wherever in the folder they are; raises DataError where one is not."""
    titles = sorted({_set_of(path)[1] for path in paths})
    sets = [[path for path in paths if _set_of(path)[1] == title] for title in titles] or [[]]
    files = min(sets, key=lambda files: len(_missing(files)))
    if missing := _missing(files):
        lacking = f"no {' and no '.join(missing)}" if paths else "none of MNIST's files"
        raise DataError(f"{folder} has {lacking}{_what_else(folder)}: {WAY_OUT}")
    return files


def _missing(paths: Sequence[Path]) -> list[str]:
    there = {_plain_name(path) for path in paths}
    return [name for names in NAMES.values() for name in names if name not in there]


def _what_else(folder: Path) -> str:
    """What a folder holds that is not read, as the end of a sentence."""
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    packed = [name for name in names if name.lower().endswith(ARCHIVES)]
    if packed:
        return f", but {packed[0]}, which is to be unpacked first"
    return f", it holds {', '.join(names[:4])}{' and more' if len(names) > 4 else ''}" if names else ", it is empty"


def _set_of(path: Path) -> tuple[Path, str]:
    """What set a file is of: its folder, or the one above where that is called as the file is, and the set's name."""
    folder, match = path.parent, IDX.fullmatch(path.name)
    assert match is not None
    while IDX.fullmatch(folder.name):
        folder = folder.parent
    return folder, (match["set"] or "").lower()


def _plain_name(path: Path) -> str:
    match = IDX.fullmatch(path.name)
    assert match is not None
    part = "train" if match["part"].lower() == "train" else "test"
    return NAMES[part][["images", "labels"].index(match["kind"].lower())]


def _read(home: Path, paths: Sequence[Path]) -> Source:
    """The digits of a NumPy archive, or of idx files."""
    parts, taken = {}, {}
    if not IDX.fullmatch(paths[0].name):
        parts = read_npz(paths[0])
        return Source(home, parts, dict.fromkeys(parts, (paths[0],)))
    files = {name: [path for path in paths if _plain_name(path) == name] for pair in NAMES.values() for name in pair}
    for name, (pictures, labels) in NAMES.items():
        shown_in, shown = _same(files[pictures], PICTURES)
        named_in, named = _same(files[labels], LABELS)
        GreyLevels.of(shown, shown_in)
        parts[name], taken[name] = paired(shown, named.astype(np.int64), shown_in, named_in), (shown_in, named_in)
    if any(path.name.lower().startswith("emnist") for path in paths):
        say(f"{home}: EMNIST's files hold rows and columns exchanged, as which the pictures are taken")
    return Source(home, parts, taken)


def _same(paths: Sequence[Path], kind: int) -> tuple[Path, Any]:
    """A file and what it holds, the one without .gz where both are there; raises DataError where copies differ."""
    first, *others = sorted(paths, key=lambda path: (path.suffix.lower() == ".gz", len(path.parts), path))
    values = read_idx(first, kind)
    for other in others:
        if not np.array_equal(values, read_idx(other, kind)):
            raise DataError(f"{first} and {other} hold different things: delete the wrong one")
    return first, values
