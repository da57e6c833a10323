"""MNIST's digits as people have them on disk: four idx files or Keras' mnist.npz, in one of many layouts of folders.

Names may have "." or "-" before "idx", any case and .gz or not; each file may stand in a folder of its own name, as
some tools unpack them, and all may stand some folders down, as torchvision has them in MNIST/raw.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from data.arrays import GreyLevels, read_arrays
from data.errors import DataError
from data.files import files_below, sha256_of
from data.mnist.idx import MOST_DIGITS, read_labels, read_pictures
from data.mnist.known import stand_in
from data.mnist.schema import Part, content_hash
from data.progress import say
from fernn.data_config import DIGIT

NAMES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
"""MNIST's four files, as they are or with .gz behind."""
IDX = re.compile(r"(train|t10k|test)[-_. ](images|labels)[-_. ]?idx[13][-_. ]?ubyte(\.gz)?", re.IGNORECASE)
ARRAYS = re.compile(r"((fashion|k|e|q)[-_]?)?mnist\.npz", re.IGNORECASE)
KEYS = {"train": ("x_train", "y_train"), "test": ("x_test", "y_test")}
"""The arrays of Keras' mnist.npz."""
ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".7z", ".rar")
WAY_OUT = "give the folder with MNIST's four files (.gz or not), or mnist.npz"


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
        return stand_in(self.parts, {name: [_md5(path) for path in paths] for name, paths in self.files.items()})

    @property
    def title(self) -> str:
        """What they are, for people."""
        return self.stand_in or "MNIST"

    def digests(self) -> dict[str, str]:
        """The SHA-256 of every file by its name."""
        return {path.name: sha256_of(path) for paths in self.files.values() for path in paths}


def read_source(given: Path) -> Source:
    """The digits in a folder, or of the file mnist.npz.

    Of several sets of digits in one folder MNIST's are taken, which a line says. Raises DataError, which names file
    and rule, where there are none, where one is damaged, and where it cannot be told which to take.
    """
    if not given.exists():
        raise DataError(f"{given} is not there: {WAY_OUT}")
    readers = _in_file(given) if given.is_file() else _in_folder(given)
    found = [read() for read in readers]
    return found[0] if len({one.hash for one in found}) == 1 else _chosen(given, found)


def _chosen(given: Path, found: Sequence[Source]) -> Source:
    others = "; ".join(f"{one.home} ({one.title})" for one in found)
    mine = [one for one in found if not one.stand_in]
    if not mine:
        raise DataError(f"{given} holds several sets of digits, and none is MNIST: give one of {others}")
    say(f"{given} holds several sets of digits: {mine[0].home} is taken, of {others}")
    return mine[0]


def _in_file(path: Path) -> Sequence[Callable[[], Source]]:
    if path.suffix.lower() == ".npz":
        return [partial(_read_arrays, path)]
    if IDX.fullmatch(path.name):
        return _in_folder(path.parent)
    packed = ", but an archive, which is to be unpacked first" if path.name.lower().endswith(ARCHIVES) else ""
    raise DataError(f"{path} is none of MNIST's files{packed}: {WAY_OUT}")


def _in_folder(folder: Path) -> Sequence[Callable[[], Source]]:
    """How to read each whole set of digits in the folder, the nearest first; one right in it hides those below."""
    homes: dict[Path, list[Path]] = {}
    paths = files_below(folder, IDX)
    for path in paths:
        homes.setdefault(_home(path), []).append(path)
    readers: list[tuple[Path, Callable[[], Source]]] = [
        (home, partial(_read_idx, home, files)) for home, files in homes.items() if not _missing(files)
    ]
    readers += [(path.parent, partial(_read_arrays, path)) for path in files_below(folder, ARRAYS)]
    here = [read for home, read in readers if home == folder]
    return here or [read for _, read in readers] or [partial(_read_idx, folder, _together(folder, paths))]


def _together(folder: Path, paths: Sequence[Path]) -> Sequence[Path]:
    """The four files wherever in the folder they are; raises DataError where one is not."""
    if missing := _missing(paths):
        lacking = f"no {' and no '.join(missing)}" if paths else "none of MNIST's files"
        raise DataError(f"{folder} has {lacking}{_what_else(folder)}: {WAY_OUT}")
    return paths


def _missing(paths: Sequence[Path]) -> list[str]:
    known = {_plain_name(path) for path in paths}
    return [name for names in NAMES.values() for name in names if name not in known]


def _what_else(folder: Path) -> str:
    """What a folder holds that is not read, as the end of a sentence."""
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    packed = [name for name in names if name.lower().endswith(ARCHIVES)]
    if packed:
        return f", but {packed[0]}, which is to be unpacked first"
    return f", it holds {', '.join(names[:4])}{' and more' if len(names) > 4 else ''}" if names else ", it is empty"


def _home(path: Path) -> Path:
    """The folder of a set of digits: that of the file, or the one above where that is called as the file is."""
    folder = path.parent
    while IDX.fullmatch(folder.name):
        folder = folder.parent
    return folder


def _plain_name(path: Path) -> str:
    match = IDX.fullmatch(path.name)
    assert match is not None
    part = "train" if match[1].lower() == "train" else "test"
    return NAMES[part][["images", "labels"].index(match[2].lower())]


def _read_idx(home: Path, paths: Sequence[Path]) -> Source:
    parts, taken = {}, {}
    files = {name: [path for path in paths if _plain_name(path) == name] for pair in NAMES.values() for name in pair}
    for name, (pictures, labels) in NAMES.items():
        first, shown = _same(files[pictures], read_pictures)
        second, known = _same(files[labels], read_labels)
        parts[name], taken[name] = _part(shown, known.astype(np.int64), first, second), (first, second)
    return Source(home, parts, taken)


def _same(paths: Sequence[Path], read: Callable[[Path], Any]) -> tuple[Path, Any]:
    """A file and what it holds, the one without .gz where both are there; raises DataError where copies differ."""
    first, *others = sorted(paths, key=lambda path: (path.suffix.lower() == ".gz", len(path.parts), path))
    values = read(first)
    for other in others:
        if not np.array_equal(values, read(other)):
            raise DataError(f"{first} and {other} hold different things: delete the wrong one")
    return first, values


def _part(pictures: Any, labels: Any, first: Path, second: Path) -> Part:
    if len(pictures) != len(labels):
        counts = f"{len(pictures)} pictures and {len(labels)} labels"
        where = f"{first} and {second} go together, and hold" if first != second else f"{first} has in one part"
        raise DataError(f"{where} {counts}: bring both again")
    if not len(labels):
        raise DataError(f"{first} holds no digit: bring it again")
    return Part(pictures, labels)


def _read_arrays(path: Path) -> Source:
    found = read_arrays(path)
    if missing := [key for keys in KEYS.values() for key in keys if key not in found]:
        raise DataError(f"{path} has no array {' or '.join(missing)}, it has {', '.join(found)}: {WAY_OUT}")
    parts = {
        name: _part(_pictures(found[x], path), _labels(found[y], path), path, path) for name, (x, y) in KEYS.items()
    }
    return Source(path, parts, dict.fromkeys(parts, (path,)))


def _pictures(array: Any, path: Path) -> Any:
    """Pictures (n, 28, 28), which may have an axis of one channel, or one axis for all pixels."""
    sides = tuple(side for side in array.shape[1:] if side != 1)
    if sides not in ((DIGIT, DIGIT), (DIGIT**2,)) or len(array) > MOST_DIGITS:
        raise DataError(f"{path} has pictures {array.shape}, it must be (n, {DIGIT}, {DIGIT})")
    return GreyLevels.of(array, path).uint8(array).reshape(-1, DIGIT, DIGIT)


def _labels(array: Any, path: Path) -> Any:
    if array.dtype.kind not in "iu" or array.shape != (len(array),) or not ((array >= 0) & (array <= 255)).all():
        raise DataError(f"{path} has labels {array.dtype} {array.shape}, they must be whole numbers (n,)")
    return array.astype(np.int64)


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()
