"""Digits as they stand on disk, and how they are written there with a manifest."""

import hashlib
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from data.files import sha256_of, whole_folder
from data.manifest import DataFile, Manifest
from data.parquet import read_table
from fernn.config import DIGIT

Pictures = NDArray[np.uint8]
SCHEMA = pa.schema(
    [
        pa.field("part", pa.string(), nullable=False),
        pa.field("label", pa.int32(), nullable=False),
        pa.field("picture", pa.binary(DIGIT * DIGIT), nullable=False),
    ]
)
"""One row a digit in MNIST's own order: "train" or "test", what it is, grey levels row by row."""
LIBRARIES = ("numpy", "pyarrow", "torchvision")
FILE = "digits.parquet"


@dataclass(frozen=True)
class Part:
    """Pictures (n, 28, 28) and labels (n,) of MNIST's training or test set."""

    pictures: Pictures
    labels: NDArray[np.int64]


def write_digits(
    folder: Path, parts: Mapping[str, Part], dataset: str, demo: bool, origin: str, source: str, details: Any
) -> Manifest:
    """Write all parts and the manifest, the folder whole or not at all; ``source`` is the origin's SHA-256."""
    with whole_folder(folder) as temporary:
        table = pa.concat_tables(_table(name, part) for name, part in parts.items())
        pq.write_table(table, temporary / FILE, compression="zstd")
        path = temporary / FILE
        files = (DataFile(FILE, table.num_rows, path.stat().st_size, sha256_of(path)),)
        versions = {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES}
        clips = {"digits": {name: len(part.labels) for name, part in parts.items()}}
        manifest = Manifest(
            dataset, demo, DIGIT, origin, source, (), (), clips, files, versions, content_hash(parts), details
        )
        manifest.write(temporary)
    return manifest


def read_parts(folder: Path, manifest: Manifest) -> dict[str, Part]:
    """The digits of a prepared folder by part."""
    table = read_table(manifest.paths(folder))
    names = np.array(table["part"].to_pylist())
    labels = table["label"].to_numpy().astype(np.int64)
    pictures = np.frombuffer(b"".join(table["picture"].to_pylist()), np.uint8).reshape(-1, DIGIT, DIGIT)
    return {str(name): Part(pictures[names == name], labels[names == name]) for name in dict.fromkeys(names)}


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
