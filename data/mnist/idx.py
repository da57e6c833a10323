"""MNIST's idx files: a header of magic number and sizes, then a byte for each value; gzipped or not."""

import gzip
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.errors import DataError
from data.files import instead_of_data
from data.sources.arrays import GZIP
from fernn.config import DIGIT

MOST_DIGITS = 280_000
"""As many as the largest set of digits in MNIST's format has, EMNIST's."""
MOST_BYTES = 16 + MOST_DIGITS * DIGIT**2
LABELS, PICTURES = 0x0801, 0x0803
KINDS = {LABELS: "labels", PICTURES: "pictures"}


def read_pictures(path: Path) -> NDArray[np.uint8]:
    """The pictures (n, 28, 28) of an idx file; raises DataError, which names file and rule, for another one."""
    return _read(path, PICTURES)


def read_labels(path: Path) -> NDArray[np.uint8]:
    """The labels (n,) of an idx file; raises DataError, which names file and rule, for another one."""
    return _read(path, LABELS)


def _read(path: Path, kind: int) -> NDArray[np.uint8]:
    content = _content(path)
    magic = int.from_bytes(content[:4], "big")
    if magic in KINDS and magic != kind:
        swapped = "are pictures and labels swapped, or the files renamed?"
        raise DataError(f"{path} holds {KINDS[magic]}, its name says {KINDS[kind]}: {swapped}")
    header = 16 if kind == PICTURES else 8
    if magic != kind or len(content) < header:
        raise DataError(f"{path} is no idx file of {KINDS[kind]}: bring MNIST's own file")
    count, *side = (int(size) for size in np.frombuffer(content, ">u4", header // 4 - 1, 4))
    if side not in ([], [DIGIT, DIGIT]):
        raise DataError(f"{path} has pictures of {side[0]} x {side[1]} pixels, MNIST's have {DIGIT} x {DIGIT}")
    values = np.frombuffer(content, np.uint8, offset=header)
    expected = count * DIGIT ** len(side)
    if len(values) != expected:
        how = "is cut short" if len(values) < expected else "is longer than its header says"
        raise DataError(f"{path} {how}: {len(values)} bytes of {expected} for {count} {KINDS[kind]}; bring it again")
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
