"""The standard test clips of Moving MNIST: ``mnist_test_seq.npy``, brought to Parquet beside MNIST's digits.

The file has 10,000 clips of 20 frames, (20, 10000, 64, 64) uint8. It stands in the same folder as MNIST's four files,
or below it. As .npz or .npy.gz, with clips first, with an axis of one channel or as floats it gives the same data.
"""

import hashlib
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data.errors import DataError
from data.files import files_below, full_path, sha256_of
from data.manifest import Manifest
from data.mnist import prepare as mnist
from data.mnist.schema import read_parts, stand_in_of
from data.mnist.source import COPY
from data.mnist.stream import Digits
from data.preparing.folders import alone_in, ready_in, versions_of, write_folder
from data.preparing.parquet import columns, read_table, write_file
from data.sources.arrays import GreyLevels, parts, read_array
from data.terminal import say

DATASET = "moving-mnist"
SOURCE = "mnist_test_seq.npy"
NAME = re.compile(rf"mnist_test_seq{COPY}\.np[yz](\.gz)?{COPY}", re.IGNORECASE)
MD5 = "be083ec986bfe91a449d63653c411eb2"
"""Of the published file, by torchvision."""
HEADERS = (16, 64)
"""To how many bytes NumPy filled the headers of its files, until 1.13 and since."""
OWN = "test clips of your own, not Moving MNIST's standard file"
NUM_CLIPS = 10_000
FILE = "clips.parquet"
SHAPE = (20, 64, 64)
SCHEMA = columns(frames=pa.binary(math.prod(SHAPE)))
"""One row a clip: grey levels in the order (frame, row, column)."""
ROWS = 1000


def folder_of(out: Path | str) -> Path:
    """Where the standard test clips are in the folder ``out``."""
    return full_path(out) / "standard-test"


def prepare(out: Path | str, *, files: Path | str | None) -> Manifest:
    """The manifest of the standard test clips, which are made of ``files``, with MNIST's digits beside them."""
    folder = folder_of(out)
    digits = mnist.prepare(out, files=files)
    with alone_in(folder.parent):
        ready = ready_in(folder, DATASET)
        if ready is not None and ready.details["digits"] != digits.hash:
            ready = None
        if files is None:
            if ready is None:
                wanted = "give --files DIR with it and MNIST's four files"
                raise DataError(f"data.protocol published needs {SOURCE}: {wanted}")
            return ready
        path = find_source(full_path(files))
        if ready is not None and _holds(ready, path):
            return ready
        return write_folder(folder, lambda temporary: _fill(temporary, path, digits))


def _holds(manifest: Manifest, path: Path) -> bool:
    """Whether the test clips of a prepared folder are those of the file, in whatever layout that has them."""
    if sha256_of(path) == manifest.source_sha256:
        return True
    return content_hash(read_source(path), manifest.details["digits"]) == manifest.hash


def require_same(folder: Path, manifest: Manifest, files: Path) -> None:
    """Raise DataError where ``files`` has other digits, or other test clips, than those prepared in ``folder``."""
    mnist.require_same(folder, manifest, files)
    if manifest.dataset != DATASET:
        return
    if not _holds(manifest, path := find_source(full_path(files))):
        way_out = "give another folder with --data, or drop --files"
        raise DataError(f"{folder} holds other test clips than {path}: {way_out}")


def find_source(files: Path) -> Path:
    """The standard file in a folder or below it; raises DataError where there is none, or two that differ."""
    home = files.parent if files.is_file() else files
    paths = files_below(home, NAME)
    if not paths:
        raise DataError(f"{home} has no {SOURCE}, nor .npz or .npy.gz: data.protocol published needs the standard file")
    hashes = [content_hash(read_source(path), "") for path in paths] if paths[1:] else [""]
    for path, content in zip(paths, hashes, strict=True):
        if content != hashes[0]:
            raise DataError(f"{paths[0]} and {path} hold different clips: delete the wrong one")
    return paths[0]


def read_source(path: Path) -> GreyLevels:
    """The clips (n, 20, 64, 64) of the standard file; raises DataError for another one."""
    array = np.squeeze(read_array(path, _is_of_clips))
    shape, frames = array.shape, SHAPE[0]
    if array.ndim == len(SHAPE):
        array = array[None]
    if not _is_of_clips(array):
        raise DataError(f"{path} must hold (20, n, 64, 64) or (n, 20, 64, 64), with a channel or not, got {shape}")
    if array.shape[:2] == (frames, frames):
        raise DataError(f"{path} has the shape {shape}: which axis is time cannot be told, give fewer or more clips")
    return GreyLevels.of(array if array.shape[1] == frames else array.swapaxes(0, 1), path)


def _is_of_clips(array: NDArray[Any]) -> bool:
    """Whether an array has the shape of clips, with or without axes of size 1."""
    sizes = tuple(size for size in array.shape if size != 1)
    has_time = sizes == SHAPE or (len(sizes) == 4 and SHAPE[0] in sizes[:2])
    return has_time and sizes[-2:] == SHAPE[1:] and array.size > 0


def content_hash(clips: GreyLevels, digits: str) -> str:
    """A hash of what the clips are, and the digits by their hash, whatever the layout of the files."""
    digest = hashlib.sha256(f"standard clips\n{digits}\n".encode())
    for part in parts(clips.array):
        digest.update(clips.uint8(part).tobytes())
    return digest.hexdigest()


def is_published(clips: GreyLevels) -> bool:
    """Whether the clips are those of the published file, whose checksum is that of its one layout."""
    if len(clips.array) != NUM_CLIPS:
        return False
    array = clips.array.swapaxes(0, 1)
    digests = [hashlib.md5(_header(array.shape, filled), usedforsecurity=False) for filled in HEADERS]
    for frames in array:
        content = clips.uint8(frames).tobytes()
        for digest in digests:
            digest.update(content)
    return MD5 in [digest.hexdigest() for digest in digests]


def _header(shape: tuple[int, ...], filled: int) -> bytes:
    """How a NumPy file of bytes of that shape begins, filled up to a multiple of so many bytes."""
    facts = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}"
    length = -(-(11 + len(facts)) // filled) * filled - 10
    return b"\x93NUMPY\x01\x00" + length.to_bytes(2, "little") + facts.ljust(length - 1).encode() + b"\n"


def read_moving(folder: Path, manifest: Manifest) -> Digits:
    """What is prepared in ``folder``: MNIST's digits, or the standard test clips with the digits beside them."""
    if manifest.dataset != DATASET:
        return Digits(read_parts(folder, manifest))
    home = mnist.folder_of(folder.parent)
    digits = Manifest.read(home)
    if digits.hash != manifest.details["digits"]:
        raise DataError(f"{home} has other digits than {folder} was made with: prepare them again")
    return Digits(read_parts(home, digits), read_clips(manifest.paths(folder)))


def read_clips(paths: list[Path]) -> NDArray[np.uint8]:
    """The clips (n, 20, 64, 64) of prepared files."""
    column = read_table(paths, columns=["frames"])["frames"].combine_chunks()
    return np.frombuffer(column.buffers()[1], np.uint8)[: len(column) * math.prod(SHAPE)].reshape(-1, *SHAPE)


def _fill(folder: Path, source: Path, digits: Manifest) -> Manifest:
    clips = read_source(source)
    marks = [mark for mark in (stand_in_of(digits), "" if is_published(clips) else OWN) if mark]
    if marks:
        say(f"STAND-IN: {'; '.join(marks)}; results on it compare with no published ones")
    return Manifest(
        dataset=DATASET,
        demo=digits.demo,
        size=SHAPE[1],
        origin=str(source),
        source_sha256=sha256_of(source),
        clips={"clips": {"test": len(clips.array)}},
        files=(write_file(folder / FILE, SCHEMA, _tables(clips)),),
        versions=versions_of(("numpy", "pyarrow")),
        hash=content_hash(clips, digits.hash),
        details={"digits": digits.hash} | ({"stand_in": "; ".join(marks)} if marks else {}),
    )


def _tables(clips: GreyLevels) -> Iterator[pa.Table]:
    for first in range(0, len(clips.array), ROWS):
        frames = [clip.tobytes() for clip in clips.uint8(clips.array[first : first + ROWS])]
        yield pa.table({"frames": frames}, schema=SCHEMA)
