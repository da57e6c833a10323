"""The standard test clips of Moving MNIST: ``mnist_test_seq.npy``, brought to Parquet beside MNIST's digits.

The file has 10,000 clips of 20 frames, (20, 10000, 64, 64) uint8. It stands in the same folder as MNIST's four files.
"""

import hashlib
import platform
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from data.errors import DataError
from data.files import full_path, locked, room_in, sha256_of, whole_folder
from data.manifest import DataFile, Manifest, standing_in
from data.mnist import prepare as mnist
from data.mnist.schema import read_parts
from data.progress import say
from data.video.moving import MovingDigits

DATASET = "moving-mnist"
SOURCE = "mnist_test_seq.npy"
FILE = "clips.parquet"
SHAPE = (20, 64, 64)
ROWS = 1000

Clips = NDArray[np.uint8]


def folder_of(out: Path | str) -> Path:
    """Where the standard test clips are in the folder ``out``."""
    return full_path(out) / "standard-test"


def prepare(out: Path | str, *, files: Path | str | None) -> Manifest:
    """The manifest of the standard test clips, which are made of ``files``, with MNIST's digits beside them."""
    folder = folder_of(out)
    digits = mnist.prepare(out, files=files)
    with room_in(folder.parent), locked(folder.parent / ".lock", lambda: say(f"waiting for {folder.parent}")):
        standing = standing_in(folder, DATASET)
        if standing is not None and standing.details["digits"] == digits.hash:
            return standing
        if files is None:
            raise DataError(f"data.protocol published needs {SOURCE}: give --files DIR with it and MNIST's four files")
        return _write(folder, read_source(Path(files) / SOURCE), Path(files) / SOURCE, digits)


def read_source(path: Path) -> Clips:
    """The clips (n, 20, 64, 64) of the standard file; raises DataError for another one."""
    if not path.is_file():
        raise DataError(f"{path} is not there: data.protocol published needs the standard file of test clips")
    try:
        content = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise DataError(f"{path} is no NumPy file of numbers: {error}") from error
    if content.dtype != np.uint8 or content.ndim != 4 or (content.shape[0], *content.shape[2:]) != SHAPE:
        raise DataError(f"{path} must hold uint8 (20, n, 64, 64), got {content.dtype} {content.shape}")
    return content.swapaxes(0, 1)


def read_moving(folder: Path, manifest: Manifest) -> MovingDigits:
    """What is prepared in ``folder``: MNIST's digits, or the standard test clips with the digits beside them."""
    if manifest.dataset != DATASET:
        return MovingDigits(read_parts(folder, manifest))
    home = mnist.folder_of(folder.parent)
    digits = Manifest.read(home)
    if digits.hash != manifest.details["digits"]:
        raise DataError(f"{home} has other digits than {folder} was made with: prepare them again")
    return MovingDigits(read_parts(home, digits), read_clips(manifest.paths(folder)))


def read_clips(paths: list[Path]) -> Clips:
    """The clips (n, 20, 64, 64) of prepared files."""
    size = int(np.prod(SHAPE))
    column = pa.concat_tables(pq.read_table(path, columns=["frames"]) for path in paths)["frames"]
    parts = [
        np.frombuffer(chunk.buffers()[1], np.uint8, len(chunk) * size, chunk.offset * size) for chunk in column.chunks
    ]
    return np.concatenate(parts).reshape(-1, *SHAPE)


def _write(folder: Path, clips: Clips, source: Path, digits: Manifest) -> Manifest:
    digest = hashlib.sha256(f"standard clips\n{digits.hash}\n".encode())
    schema = pa.schema([pa.field("frames", pa.binary(int(np.prod(SHAPE))), nullable=False)])
    with whole_folder(folder) as temporary:
        with pq.ParquetWriter(temporary / FILE, schema, compression="zstd") as writer:
            for first in range(0, len(clips), ROWS):
                frames = [clip.tobytes() for clip in clips[first : first + ROWS]]
                digest.update(b"".join(frames))
                writer.write_table(pa.table({"frames": frames}, schema=schema))
        manifest = _manifest(temporary / FILE, len(clips), source, digits, digest.hexdigest())
        manifest.write(temporary)
    return manifest


def _manifest(path: Path, count: int, source: Path, digits: Manifest, content: str) -> Manifest:
    file = DataFile(FILE, count, path.stat().st_size, sha256_of(path))
    versions = {"python": platform.python_version()} | {name: version(name) for name in ("numpy", "pyarrow")}
    clips = {"clips": {"test": count}}
    return Manifest(
        DATASET, digits.demo, SHAPE[1], str(source), sha256_of(source), (), (), clips, (file,), versions, content,
        {"digits": digits.hash},
    )  # fmt: skip
