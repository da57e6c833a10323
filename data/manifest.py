"""The manifest of a prepared folder: what is in it, where it came from, and what is not in it.

It is written last, so a folder without one is not finished.
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data.errors import ManifestError, require
from data.files import CHECKSUM, checksum, sealed, sha256_of, write_atomically

MANIFEST = "manifest.json"
FORMAT = 2


@dataclass(frozen=True)
class DataFile:
    """A Parquet file of the folder."""

    name: str
    rows: int
    num_bytes: int
    sha256: str


@dataclass(frozen=True)
class Remark:
    """A video or clip that is not as the annotation says, and why."""

    name: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a prepared folder holds.

    ``hash`` depends on the clips alone (see :func:`data.preparing.frames.content_hash`): equal hash, equal data.
    ``source_sha256`` covers everything that the folder was made from. ``missing`` and ``skipped`` name what
    is not in it, though it should be. ``clips`` counts by split and part. ``details`` holds what only this
    data set has to say.
    """

    dataset: str
    demo: bool
    size: int
    origin: str
    source_sha256: str
    missing: tuple[str, ...] = ()
    skipped: tuple[Remark, ...] = ()
    clips: Mapping[str, Mapping[str, int]]
    files: tuple[DataFile, ...]
    versions: Mapping[str, str]
    hash: str
    details: Mapping[str, Any] = field(default_factory=dict)
    format: int = FORMAT

    @property
    def partial(self) -> bool:
        """Whether the folder holds less than the annotation names."""
        return bool(self.missing or self.skipped)

    @property
    def num_clips(self) -> int:
        return sum(file.rows for file in self.files)

    def paths(self, folder: Path) -> list[Path]:
        """The Parquet files, in the order of their clips."""
        return [folder / file.name for file in self.files]

    def write(self, folder: Path) -> None:
        """Write ``manifest.json`` into ``folder``, whole or not at all."""
        content = dataclasses.asdict(self) | {"partial": self.partial}
        write_atomically(folder / MANIFEST, json.dumps(sealed(content), indent=2) + "\n")

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """The manifest in ``folder``; raises :class:`ManifestError` if there is none or it is not one."""
        path = folder / MANIFEST
        if path.exists() and not path.is_file():
            raise ManifestError(f"{path} must be a file, it is a folder or a device: prepare the data again")
        try:
            return cls.parse(path.read_bytes(), str(path))
        except FileNotFoundError as error:
            raise ManifestError(f"{folder} has no {MANIFEST}: its preparation did not finish") from error

    @classmethod
    def parse(cls, content: bytes, source: str) -> "Manifest":
        """The manifest that a file holds; raises :class:`ManifestError` if it is none, which names its source."""
        try:
            return _from_json(json.loads(content))
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise ManifestError(
                f"{source} is not a manifest of format {FORMAT}: {error}; delete its folder, and prepare it again"
            ) from error

    def verify(self, folder: Path) -> "Manifest":
        """This manifest, after a check of every file's presence, size and SHA-256.

        One :class:`ManifestError` names all that differ.
        """
        wrong = [problem for file in self.files if (problem := _problem(folder, file))]
        if wrong:
            raise ManifestError(f"{folder} is damaged, prepare it again: {'; '.join(wrong)}")
        return self


def _problem(folder: Path, file: DataFile) -> str:
    path = folder / file.name
    if not path.is_file():
        return f"{file.name} is missing"
    if (size := path.stat().st_size) != file.num_bytes:
        return f"{file.name} has {size} bytes instead of {file.num_bytes}"
    return "" if sha256_of(path) == file.sha256 else f"the SHA-256 of {file.name} has changed"


def _from_json(content: Any) -> Manifest:
    require(isinstance(content, dict), "it must hold one object")
    require(content.get("format") == FORMAT, f"format must be {FORMAT}, got {content.get('format')!r}")
    for name, kind in _KINDS.items():
        require(isinstance(content[name], kind), f"{name} must be a {kind.__name__}, got {content[name]!r:.80}")
    written = content.pop(CHECKSUM, None)  # which manifests of an earlier version do not have
    expected = checksum(content)
    require(content["hash"].isalnum(), f"hash must be letters and digits alone, got {content['hash']!r:.80}")
    partial = content.pop("partial")
    content["missing"] = tuple(content["missing"])
    content["skipped"] = tuple(Remark(**entry) for entry in content["skipped"])
    content["files"] = tuple(_file(entry) for entry in content["files"])
    manifest = Manifest(**content)
    counts = [count for parts in manifest.clips.values() for count in parts.values()]
    require(all(isinstance(count, int) for count in counts), "clips must hold numbers")
    require(manifest.partial == partial, f"partial must be {manifest.partial} by what it lists, got {partial}")
    require(written in (None, expected), "it is not as it was written")
    return manifest


_KINDS: dict[str, type] = {
    "dataset": str, "demo": bool, "size": int, "origin": str, "source_sha256": str, "missing": list, "skipped": list,
    "clips": dict, "files": list, "versions": dict, "hash": str, "details": dict, "partial": bool,
}  # fmt: skip


def _file(entry: Any) -> DataFile:
    file = DataFile(**entry)
    plain = isinstance(file.name, str) and file.name not in ("", ".", "..") and not set(file.name) & set("/\\\0")
    require(plain, f"a file's name must be plain, got {file.name!r:.80}")
    numbers = (file.rows, file.num_bytes)
    require(all(isinstance(n, int) and n >= 0 for n in numbers), f"{file.name} must have 0 rows and bytes or more")
    return file
