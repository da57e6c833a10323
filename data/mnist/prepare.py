"""Bring MNIST to disk as Parquet: ``python data/mnist/prepare.py --out DIR``.

Without ``--files`` torchvision downloads it. The digits go to ``DIR/digits``, the manifest last. A folder that is
finished is verified and left as it is.
"""

import gzip
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data.errors import DataError, DownloadError
from data.files import full_path, locked, room_in, sha256_of
from data.manifest import Manifest, standing_in
from data.mnist.schema import Part, write_digits
from data.progress import say
from data.terminal import options_of
from fernn.data_config import DIGIT

DATASET = "mnist"
NAMES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
"""MNIST's four files, as they are or with .gz behind."""
MOST_BYTES = 16 + 60_000 * DIGIT**2


@dataclass(frozen=True)
class PrepareConfig:
    """Turn MNIST into Parquet with a manifest."""

    out: Path
    """Folder for the prepared digits."""
    files: Path | None = None
    """Folder with MNIST's four idx files, .gz or not; without it they are downloaded."""


def folder_of(out: Path | str) -> Path:
    """Where the digits are in the folder ``out``."""
    return full_path(out) / "digits"


def prepare(out: Path | str, *, files: Path | str | None = None) -> Manifest:
    """The manifest of the digits in ``folder_of(out)``, which are made unless they are there.

    Raises :class:`DataError` with one clear line if that cannot be done; then nothing half-written is left.
    """
    folder = folder_of(out)
    with room_in(folder.parent), locked(folder.parent / ".lock", lambda: say(f"waiting for {folder.parent}")):
        standing = standing_in(folder, DATASET)
        if standing is not None:
            return standing
        source = full_path(files) if files else _downloaded(folder.parent / "raw")
        paths = _paths(source)
        digests = {path.name: sha256_of(path) for pair in paths.values() for path in pair}
        parts = {name: _read(*pair) for name, pair in paths.items()}
        fingerprint = " ".join(digests.values())
        return write_digits(folder, parts, DATASET, False, str(source), fingerprint, {"files": digests})


def main(config: PrepareConfig) -> int:
    """Prepare and say in one line what there is; 2 if the data cannot be used."""
    try:
        manifest = prepare(config.out, files=config.files)
    except (DataError, OSError) as error:
        say(f"error: {error}")
        return 2
    say(f"{folder_of(config.out)}: {manifest.dataset}, {manifest.num_clips} digits")
    return 0


def _downloaded(raw: Path) -> Path:
    """The folder to which torchvision downloaded MNIST."""
    from torchvision.datasets import MNIST

    try:
        return Path(MNIST(raw, download=True).raw_folder)
    except (OSError, RuntimeError) as error:
        raise DownloadError(f"MNIST cannot be downloaded ({error}): give --files DIR with its four files") from error


def _paths(folder: Path) -> dict[str, tuple[Path, Path]]:
    found = {part: tuple(_path(folder, name) for name in names) for part, names in NAMES.items()}
    return {part: (pictures, labels) for part, (pictures, labels) in found.items()}


def _path(folder: Path, name: str) -> Path:
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise DataError(f"{folder} has neither {name} nor {name}.gz: give the folder with MNIST's four files")


def _read(pictures: Path, labels: Path) -> Part:
    return Part(_idx(pictures, (DIGIT, DIGIT)), _idx(labels, ()).astype(np.int64))


def _idx(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """The bytes of an idx file: a header of magic number and dimensions, then the values."""
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
            content = bytes(file.read(MOST_BYTES + 1))
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} is damaged: {error}") from error
    if len(content) > MOST_BYTES:
        raise DataError(f"{path} holds more than MNIST's largest file, {MOST_BYTES} bytes")
    header = 4 * (2 + len(shape))
    sizes = np.frombuffer(content[:header].ljust(header), ">u4")
    if len(content) < header or sizes[0] != 0x0800 + 1 + len(shape) or tuple(sizes[2:]) != shape:
        raise DataError(f"{path} is no idx file of {' x '.join(map(str, ('n', *shape)))} bytes")
    values = np.frombuffer(content, np.uint8, offset=header)
    if len(values) != int(sizes[1]) * int(np.prod(shape, dtype=int)):
        raise DataError(f"{path} is cut short: {len(values)} bytes of {sizes[1]} entries")
    return values.reshape(-1, *shape)


if __name__ == "__main__":
    sys.exit(main(options_of(PrepareConfig)))
