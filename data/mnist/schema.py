"""Digits as they stand on disk, and how they are written there with a manifest."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data.errors import DataError
from data.manifest import Manifest
from data.preparing.folders import versions_of, write_folder
from data.preparing.parquet import columns, read_table, write_file
from fernn.config import DIGIT
from fernn.experiment import Split

Pictures = NDArray[np.uint8]
SCHEMA = columns(part=pa.string(), label=pa.int32(), picture=pa.binary(DIGIT * DIGIT))
"""One row a digit in MNIST's own order: "train" or "test", what it is, grey levels row by row."""
LIBRARIES = ("numpy", "pyarrow", "torchvision")
FILE = "digits.parquet"
VALIDATION_SHARE = 0.1
"""Of the training digits; MNIST's last 6,000."""


@dataclass(frozen=True)
class Part:
    """Pictures (n, 28, 28) and labels (n,) of MNIST's training or test set."""

    pictures: Pictures
    labels: NDArray[np.int64]


def write_digits(folder: Path, parts: Mapping[str, Part], **facts: Any) -> Manifest:
    """Write all parts and the manifest, which has the ``facts`` besides, the folder whole or not at all."""

    def fill(temporary: Path) -> Manifest:
        file = write_file(temporary / FILE, SCHEMA, [pa.concat_tables(_table(*part) for part in parts.items())])
        clips = {"digits": {name: len(part.labels) for name, part in parts.items()}}
        versions, content = versions_of(LIBRARIES), content_hash(parts)
        return Manifest(size=DIGIT, clips=clips, files=(file,), versions=versions, hash=content, **facts)

    return write_folder(folder, fill)


def read_parts(folder: Path, manifest: Manifest) -> dict[str, Part]:
    """The digits of a prepared folder by part."""
    table = read_table(manifest.paths(folder))
    names = np.array(table["part"].to_pylist())
    labels = table["label"].to_numpy().astype(np.int64)
    pictures = np.frombuffer(b"".join(table["picture"].to_pylist()), np.uint8).reshape(-1, DIGIT, DIGIT)
    return {str(name): Part(pictures[names == name], labels[names == name]) for name in dict.fromkeys(names)}


def require_enough(parts: Mapping[str, Part]) -> None:
    """Raise DataError where a split would have no digit."""
    if min(len(part.labels) for part in parts.values()) < 1 / VALIDATION_SHARE:
        raise DataError("the data must have 10 digits or more in each part")


def part_of(parts: Mapping[str, Part], split: Split) -> Part:
    """The digits of a split; MNIST's training digits are cut into those of training and of validation."""
    if split == "test":
        return parts["test"]
    every = parts["train"]
    cut = len(every.labels) - int(len(every.labels) * VALIDATION_SHARE)
    mine = slice(0, cut) if split == "train" else slice(cut, None)
    return Part(every.pictures[mine], every.labels[mine])


def content_hash(parts: Mapping[str, Part]) -> str:
    """A hash of what the digits are, whatever the machine, the time and the layout of the files."""
    digest = hashlib.sha256(b"digits\n")
    for name, part in parts.items():
        digest.update(f"{name} {len(part.labels)}\n".encode())
        digest.update(part.labels.astype("<i8").tobytes() + part.pictures.tobytes())
    return digest.hexdigest()


def _table(name: str, part: Part) -> pa.Table:
    pictures = [picture.tobytes() for picture in part.pictures]
    return pa.table({"part": [name] * len(pictures), "label": part.labels, "picture": pictures}, schema=SCHEMA)
