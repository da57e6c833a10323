"""Digits as they stand on disk, how they are written there with a manifest, and whose they are.

Checksums of the content tell MNIST from another data set in MNIST's files, and from somebody's own digits.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data.manifest import Manifest
from data.preparing.folders import versions_of, write_folder
from data.preparing.parquet import columns, read_table, write_file
from fernn.config import DIGIT
from fernn.experiment import Split

Pictures = NDArray[np.uint8]
SCHEMA = columns(part=pa.string(), label=pa.int32(), picture=pa.binary(DIGIT * DIGIT))
"""One row a digit in MNIST's own order: "train" or "test", what it is, grey levels row by row."""
FILE = "digits.parquet"
VALIDATION_SHARE = 0.1
"""Of the training digits; MNIST's last 6,000."""
MNIST = "eb28e6247c3e48787d4491aaa27de9a2c6909ddabd581bb6dc7c7f10bbae79b5"
"""The hash of MNIST's digits, whatever files they come in."""
MNIST_PARTS = {
    "train": "65c2424b933f026dfa3d77ef7913c37bbf80c9e76f8c8f5a3ef8c294b587c4ca",
    "test": "4bb652ffe8f9038ea0baf10ab7aec1606cd39845112466042f7a3545940e8137",
}
"""The hash of each part alone."""
LABELS = {
    "657fbd221bfc9f4198cc14b5619cc33ec57c58dd0e47af4d99d6650759e869a7": "Fashion-MNIST",
    "3d0e6c6ea990b53b6f8f500a41cac93881d981b315f84578b7d915342ade01e9": "Fashion-MNIST",
}
"""SHA-256 of all labels as bytes."""
TITLES = {"FashionMNIST": "Fashion-MNIST", "KMNIST": "KMNIST (Kuzushiji)", "QMNIST": "QMNIST"}
OWN = "digits of your own"
MADE_OF_DIGITS = ("mnist", "moving-mnist")
"""Data sets that a manifest may name: digits alone, or beside the standard test clips."""


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
        versions, content = versions_of(("numpy", "pyarrow", "torchvision")), content_hash(parts)
        return Manifest(size=DIGIT, clips=clips, files=(file,), versions=versions, hash=content, **facts)

    return write_folder(folder, fill)


def read_parts(folder: Path, manifest: Manifest) -> dict[str, Part]:
    """The digits of a prepared folder by part."""
    table = read_table(manifest.paths(folder))
    names = np.array(table["part"].to_pylist())
    labels = table["label"].to_numpy().astype(np.int64)
    pictures = np.frombuffer(b"".join(table["picture"].to_pylist()), np.uint8).reshape(-1, DIGIT, DIGIT)
    return {str(name): Part(pictures[names == name], labels[names == name]) for name in dict.fromkeys(names)}


def part_of(parts: Mapping[str, Part], split: Split) -> Part:
    """The digits of a split; MNIST's training digits are cut into those of training and of validation."""
    if split == "test":
        return parts["test"]
    part = parts["train"]
    cut = len(part.labels) - int(len(part.labels) * VALIDATION_SHARE)
    chosen = slice(0, cut) if split == "train" else slice(cut, None)
    return Part(part.pictures[chosen], part.labels[chosen])


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


def stand_in(parts: Mapping[str, Part], files: Mapping[str, Iterable[Path]]) -> str:
    """What the digits are where they are not MNIST's, as "Fashion-MNIST, not MNIST"; "" for MNIST.

    Data sets are known, as they are published, by the MD5 sums of each part's ``files``.
    """
    if content_hash(parts) == MNIST:
        return ""
    names = {name: _name(name, part, files[name]) for name, part in parts.items()}
    if len(set(names.values())) > 1:
        return f"{', '.join(f'{name}: {title}' for name, title in names.items())}; not MNIST"
    return f"{next(iter(names.values()))}, not MNIST"


def stand_in_of(manifest: Manifest) -> str:
    """What prepared digits, or clips made of them, are where they are not MNIST's; "" for MNIST, and for other data."""
    if manifest.demo or manifest.dataset not in MADE_OF_DIGITS:
        return ""
    unknown = "" if manifest.details.get("digits", manifest.hash) == MNIST else f"{OWN}, not MNIST"
    return str(manifest.details.get("stand_in", unknown))


def _name(name: str, part: Part, files: Iterable[Path]) -> str:
    if content_hash({name: part}) == MNIST_PARTS[name]:
        return "MNIST"
    published = _published()
    md5s = [hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() for path in files]
    by_labels = LABELS.get(hashlib.sha256(part.labels.astype("u1").tobytes()).hexdigest(), OWN)
    return next((published[md5] for md5 in md5s if md5 in published), by_labels)


def _published() -> dict[str, str]:
    """Data sets by the MD5 sums of their files as they are published, which torchvision knows."""
    from torchvision import datasets  # which takes seconds to import

    lists = {name: getattr(datasets, name).resources for name in TITLES}
    lists["QMNIST"] = [pair for pairs in lists["QMNIST"].values() for pair in pairs]
    return {md5: TITLES[name] for name, pairs in lists.items() for _, md5 in pairs}
