"""Bring MNIST to disk as Parquet: ``python data/mnist/prepare.py --out DIR``.

Without ``--files`` torchvision downloads it. The digits go to ``DIR/digits``, the manifest last. A folder that is
finished is verified and left as it is.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from data.errors import DataError, DownloadError
from data.files import full_path, sha256_of
from data.manifest import Manifest
from data.mnist.schema import stand_in_of, write_digits
from data.mnist.source import read_source
from data.preparing.folders import ready_or_made
from data.terminal import answer, options_of, say

DATASET = "mnist"


@dataclass(frozen=True)
class PrepareConfig:
    """Turn MNIST into Parquet with a manifest."""

    out: Path
    """Folder for the prepared digits."""
    files: Path | None = None
    """Folder with MNIST's four idx files, .gz or not, or with mnist.npz; without it they are downloaded."""


def folder_of(out: Path | str) -> Path:
    """Where the digits are in the folder ``out``."""
    return full_path(out) / "digits"


def prepare(out: Path | str, *, files: Path | str | None = None) -> Manifest:
    """The manifest of the digits in ``folder_of(out)``, which are made unless they are there.

    Raises :class:`DataError` with one clear line if that cannot be done, and where other digits are there than
    ``files`` has; then nothing half-written is left.
    """
    folder = folder_of(out)

    def make() -> Manifest:
        source = read_source(full_path(files) if files else _downloaded(folder.parent / "raw"))
        if source.stand_in:
            say(f"STAND-IN: {source.home} holds {source.stand_in}; results on it compare with no published ones")
        digests = {path.name: sha256_of(path) for paths in source.files.values() for path in paths}
        details = {"files": digests} | ({"stand_in": source.stand_in} if source.stand_in else {})
        facts = {"dataset": DATASET, "demo": False, "origin": str(source.home), "details": details}
        return write_digits(folder, source.parts, source_sha256=" ".join(digests.values()), **facts)

    return ready_or_made(folder, DATASET, make, lambda ready: require_same(folder, ready, files))


def require_same(folder: Path, digits: Manifest, files: Path | str | None) -> None:
    """Raise DataError where ``files`` has other digits than those prepared in ``folder``."""
    if files is None:
        return
    source = read_source(full_path(files))
    if source.hash != digits.details.get("digits", digits.hash):
        held = "rendered digits" if digits.demo else stand_in_of(digits) or "MNIST"
        raise DataError(
            f"{folder} holds {held}, {source.home} has {source.title}, other digits: give another folder "
            "(--out, --data of a search), or drop --files"
        )


def main(config: PrepareConfig) -> str:
    """Prepare; what there is, in one line."""
    manifest = prepare(config.out, files=config.files)
    marked = f"; STAND-IN: {stand_in}" if (stand_in := stand_in_of(manifest)) else ""
    return f"{folder_of(config.out)}: {manifest.dataset}, {manifest.num_clips} digits{marked}"


def _downloaded(raw: Path) -> Path:
    """The folder to which torchvision downloaded MNIST."""
    from torchvision.datasets import MNIST  # which takes seconds to import

    try:
        return Path(MNIST(raw, download=True).raw_folder)
    except (OSError, RuntimeError) as error:
        raise DownloadError(f"MNIST cannot be downloaded ({error}): give --files DIR with its four files") from error


if __name__ == "__main__":
    sys.exit(answer(main, options_of(PrepareConfig)))
