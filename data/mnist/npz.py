"""MNIST's digits as NumPy archives have them: Keras' mnist.npz, and those with other names for the same arrays."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import DataError
from data.mnist.idx import MOST_DIGITS
from data.mnist.schema import Part
from data.sources.arrays import GreyLevels, read_arrays
from fernn.config import DIGIT

KEYS = {"train": ("x_train", "y_train"), "test": ("x_test", "y_test")}
"""The arrays of Keras' mnist.npz."""
PARTS = {"train": "train(ing)?", "test": "test(ing)?|t10k"}
KINDS = "x|images?|pictures?|data", "y|labels?|targets?|classes"
WAY_OUT = "give the folder with MNIST's four files (.gz or not), or mnist.npz"


def read_npz(path: Path) -> dict[str, Part]:
    """Both parts in an archive; raises DataError, which names the file and the rule, where one is not there."""
    found = read_arrays(path)
    names = {part: tuple(_named(found, path, part, which) for which in (0, 1)) for part in KEYS}
    if missing := [key for part, keys in KEYS.items() for key, name in zip(keys, names[part], strict=True) if not name]:
        raise DataError(f"{path} has no array {' or '.join(missing)}, it has {', '.join(found)}: {WAY_OUT}")
    return {
        part: paired(_pictures(found[x], path), _labels(found[y], path), path, path) for part, (x, y) in names.items()
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


def _named(found: Mapping[str, Any], path: Path, part: str, which: int) -> str:
    """The array's name, Keras' or another, as train_images or images-train; "" where there is none."""
    either = rf"({KINDS[which]})[-_. ]?({PARTS[part]})|({PARTS[part]})[-_. ]?({KINDS[which]})"
    names = [name for name in found if re.fullmatch(either, name, re.IGNORECASE)]
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
    if array.ndim == 2 and array.shape[1] > 1 and array.dtype.kind in "biuf" and _is_one_hot(array):
        return array.argmax(axis=1).astype(np.int64)
    labels = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    if labels.ndim != 1 or labels.dtype.kind not in "iuf" or not _are_whole(labels):
        raise DataError(f"{path} has labels {array.dtype} {array.shape}, they must be whole numbers (n,) or one-hot")
    return labels.astype(np.int64)


def _is_one_hot(array: NDArray[Any]) -> bool:
    return bool(((array == 0) | (array == 1)).all() and (array.astype(np.int64).sum(axis=1) == 1).all())


def _are_whole(labels: NDArray[Any]) -> bool:
    return bool(((labels >= 0) & (labels <= 255) & (labels == np.rint(labels))).all())
