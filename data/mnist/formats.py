"""MNIST's digits in files: its own idx files, and NumPy archives as Keras' mnist.npz.

An idx file has a header of magic number and sizes, then a byte for each value, and may be gzipped. An archive may have
other names for the same arrays.
"""

import gzip
import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import DataError
from data.files import instead_of_data
from data.mnist.schema import Part
from data.sources.arrays import GZIP, GreyLevels, read_arrays
from fernn.config import DIGIT

MOST_DIGITS = 280_000
"""As many as the largest set of digits in MNIST's format has, EMNIST's."""
MOST_BYTES = 16 + MOST_DIGITS * DIGIT**2
LABELS, PICTURES = 0x0801, 0x0803
NAMES = {LABELS: "labels", PICTURES: "pictures"}
KEYS = {"train": ("x_train", "y_train"), "test": ("x_test", "y_test")}
"""The arrays of Keras' mnist.npz."""
PARTS = {"train": "train(ing)?", "test": "test(ing)?|t10k"}
KINDS = "x|images?|pictures?|data", "y|labels?|targets?|classes"
WAY_OUT = "give the folder with MNIST's four files (.gz or not), or mnist.npz"


def read_idx(path: Path, kind: int) -> NDArray[np.uint8]:
    """The PICTURES (n, 28, 28) or LABELS (n,) of an idx file; raises DataError, with file and rule, for another one."""
    content = _content(path)
    magic = int.from_bytes(content[:4], "big")
    if magic in NAMES and magic != kind:
        swapped = "are pictures and labels swapped, or the files renamed?"
        raise DataError(f"{path} holds {NAMES[magic]}, its name says {NAMES[kind]}: {swapped}")
    header = 16 if kind == PICTURES else 8
    if magic != kind or len(content) < header:
        raise DataError(f"{path} is no idx file of {NAMES[kind]}: bring MNIST's own file")
    count, *side = (int(size) for size in np.frombuffer(content, ">u4", header // 4 - 1, 4))
    if side not in ([], [DIGIT, DIGIT]):
        raise DataError(f"{path} has pictures of {side[0]} x {side[1]} pixels, MNIST's have {DIGIT} x {DIGIT}")
    values = np.frombuffer(content, np.uint8, offset=header)
    expected = count * DIGIT ** len(side)
    if len(values) != expected:
        how = "is cut short" if len(values) < expected else "is longer than its header says"
        raise DataError(f"{path} {how}: {len(values)} bytes of {expected} for {count} {NAMES[kind]}; bring it again")
    return values.reshape(count, *side)


def _content(path: Path) -> bytes:
    """What the file holds, unpacked where it is gzipped: browsers unpack files and leave them their names."""
    if reason := instead_of_data(path):
        raise DataError(f"{path} {reason}")
    try:
        with path.open("rb") as plain:
            is_packed = plain.read(2) == GZIP
        with (gzip.open if is_packed else open)(path, "rb") as file:
            content = bytes(file.read(MOST_BYTES + 1))
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{path} is damaged: {error}; bring it again, or delete it where another copy is there"
        ) from error
    if len(content) > MOST_BYTES:
        raise DataError(f"{path} holds more than the {MOST_DIGITS} digits that are read")
    return content


def read_npz(path: Path) -> dict[str, Part]:
    """Both parts in an archive; raises DataError, which names the file and the rule, where one is not there."""
    arrays = read_arrays(path)
    names = {part: [_named(arrays, path, part, kind) for kind in KINDS] for part in PARTS}
    if missing := [key for part in KEYS for key, name in zip(KEYS[part], names[part], strict=True) if not name]:
        raise DataError(f"{path} has no array {' or '.join(missing)}, it has {', '.join(arrays)}: {WAY_OUT}")
    return {
        part: paired(_pictures(arrays[x], path), _labels(arrays[y], path), path, path) for part, (x, y) in names.items()
    }


def paired(pictures: Any, labels: Any, first: Path, second: Path) -> Part:
    """Pictures and labels of two files, or of one; raises DataError where they are not as many, or none."""
    if len(pictures) != len(labels):
        counts = f"{len(pictures)} pictures and {len(labels)} labels"
        where = f"{first} and {second} go together, and hold" if first != second else f"{first} has in one part"
        raise DataError(f"{where} {counts}: bring both again")
    if not len(labels):
        raise DataError(f"{first} holds no digit: bring it again")
    return Part(pictures, labels)


def _named(arrays: Mapping[str, Any], path: Path, part: str, kind: str) -> str:
    """The array's name, Keras' or another, as train_images or images-train; "" where there is none."""
    either = rf"({kind})[-_. ]?({PARTS[part]})|({PARTS[part]})[-_. ]?({kind})"
    names = [name for name in arrays if re.fullmatch(either, name, re.IGNORECASE)]
    if len(names) > 1:
        raise DataError(f"{path} has {' and '.join(names)}: leave the one that is meant")
    return names[0] if names else ""


def _pictures(array: Any, path: Path) -> Any:
    """Pictures (n, 28, 28), which may have an axis of one channel, or one axis for all pixels."""
    sides = tuple(side for side in array.shape[1:] if side != 1)
    if sides not in ((DIGIT, DIGIT), (DIGIT**2,)) or len(array) > MOST_DIGITS:
        raise DataError(f"{path} has pictures {array.shape}, it must be (n, {DIGIT}, {DIGIT})")
    return GreyLevels.of(array, path).uint8(array).reshape(-1, DIGIT, DIGIT)


def _labels(array: Any, path: Path) -> Any:
    """Labels (n,) of whole numbers, also of (n, 1), or of (n, classes) with 1 in the column of the label."""
    is_wide = array.ndim == 2 and array.shape[1] > 1 and array.dtype.kind in "biuf"
    if is_wide and np.isin(array, (0, 1)).all() and (array.astype(np.int64).sum(axis=1) == 1).all():
        return array.argmax(axis=1).astype(np.int64)
    labels = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    are_numbers = labels.ndim == 1 and labels.dtype.kind in "iuf"
    if not are_numbers or not ((labels >= 0) & (labels <= 255) & (labels == np.rint(labels))).all():
        raise DataError(f"{path} has labels {array.dtype} {array.shape}, they must be whole numbers (n,) or one-hot")
    return labels.astype(np.int64)
