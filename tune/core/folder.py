"""Folders on local disk or in a bucket. Files are written whole or not at all; sealed ones carry a checksum."""

import json
import os
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from copy import copy
from pathlib import Path
from typing import Any, Self, TypeVar

from pyarrow import fs

from data.bucket import SCHEMES
from data.files import CHECKSUM, UNREADABLE, sealed, unsealed, unsealed_rows
from fernn.files.checkpoint import CheckpointError, Tensors, unpack

TEMPORARY = ".tmp-"
AT_ONCE = 32
"""Simultaneous requests to a bucket."""
Item = TypeVar("Item")
Value = TypeVar("Value")
ENTRIES = "entries"
"""The field of a sealed file that holds its list."""


class LeadsOutError(OSError):
    """A path whose links lead out of its root, or that is no regular file."""


class DamagedError(ValueError):
    """A file of a study or a cell that is not as it was written."""


def sealed_line(row: Mapping[str, Any]) -> str:
    """The row as a line with its checksum."""
    return json.dumps(sealed(row)) + "\n"


class Folder:
    """Files below one root, which is a path or the URL of a bucket (``s3://bucket/path``).

    The root itself may be a link. Every method that reads, writes or deletes raises LeadsOutError for a link below the
    root that leads out of it.
    """

    def __init__(self, root: str) -> None:
        root = root if "://" in root else os.path.abspath(root)
        self._fs, self._path = fs.FileSystem.from_uri(root)
        self.is_local = isinstance(self._fs, fs.LocalFileSystem)
        self.root = self._path if self.is_local else root
        self._top = os.path.realpath(self._path) if self.is_local else ""

    def __reduce__(self) -> tuple[type[Self], tuple[str]]:
        """Pickle the root alone: another process connects with its own credentials."""
        return type(self), (self.root,)

    def __copy__(self) -> Self:
        """The same folder through the same connection; without this, a copy would connect anew as a pickle does."""
        twin = object.__new__(type(self))
        twin.__dict__ |= self.__dict__
        return twin

    @property
    def name(self) -> str:
        """The last part of the root."""
        return self.root.rstrip("/").rpartition("/")[2]

    def __truediv__(self, name: str) -> Self:
        """The folder of that name in this one, through the same connection."""
        child = copy(self)
        child.root, child._path = f"{self.root}/{name}", f"{self._path}/{name}"
        return child

    def as_root(self) -> Self:
        """The same folder as a root: a storage may hold a link to a study elsewhere."""
        root = copy(self)
        root._top = os.path.realpath(self._path) if self.is_local else ""
        return root

    def path_of(self, name: str) -> str:
        """The path or URL of a file or folder below this one, for a library that opens it; raises LeadsOutError."""
        self._at(name)
        return f"{self.root}/{name}"

    def _at(self, name: str) -> str:
        """The path of a file or folder below this one; raises LeadsOutError."""
        path = f"{self._path}/{name}" if name else self._path
        if self.is_local:
            real = os.path.realpath(path)
            if real != self._top and not real.startswith(f"{self._top.rstrip('/')}/"):
                raise LeadsOutError(f"{path} is a link that leads out of {self._top}: put the file itself there")
        return path

    def each(self, function: Callable[[Item], Value], items: Iterable[Item]) -> list[Value]:
        """The function's value for each item, in order; in a bucket :data:`AT_ONCE` calls run at the same time."""
        if self.is_local:
            return [function(item) for item in items]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(function, items))

    def read(self, name: str) -> bytes | None:
        """The file's content, or None where there is no such file; raises LeadsOutError for a folder or device."""
        path = self._at(name)
        if self.is_local and os.path.exists(path) and not os.path.isfile(path):
            raise LeadsOutError(f"{path} must be a file, it is a folder or a device: move it away")
        try:
            with self._fs.open_input_stream(path) as stream:
                return stream.read()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def has(self, name: str) -> bool:
        """Whether there is such a file; a link that leads out of the root is none."""
        with suppress(LeadsOutError):
            return self._fs.get_file_info(self._at(name)).is_file
        return False

    def size(self, name: str) -> int:
        """The file's bytes, 0 where there is no such file."""
        return self._fs.get_file_info(self._at(name)).size or 0

    def write(self, name: str, content: bytes) -> None:
        """Write the file whole or not at all: to a temporary name first, then moved over the old one.

        A bucket shows an object when it is complete, and needs no temporary name.
        """
        path = self._at(name)
        if not self.is_local:
            with self._fs.open_output_stream(path) as stream:
                stream.write(content)
            return
        temporary = f"{path}{TEMPORARY}{uuid.uuid4().hex[:8]}"
        self._fs.create_dir(os.path.dirname(path), recursive=True)
        try:
            with self._fs.open_output_stream(temporary) as stream:
                stream.write(content)
            self._fs.move(temporary, path)
        except OSError:
            with suppress(OSError):
                self._fs.delete_file(temporary)
            raise

    def delete(self, name: str) -> None:
        """Remove the file."""
        self._fs.delete_file(self._at(name))

    def children(self, name: str) -> list[str]:
        """The names in a folder below this one, sorted; none where it does not exist."""
        selector = fs.FileSelector(self._at(name), allow_not_found=True)
        return sorted(info.base_name for info in self._fs.get_file_info(selector))

    def exists(self) -> bool:
        """Whether there is such a folder; in a bucket, whether it has a file."""
        return self._fs.get_file_info(self._path).type == fs.FileType.Directory

    def folders(self) -> list[str]:
        """The names of the folders in this one, sorted; none where it does not exist."""
        entries = self._fs.get_file_info(fs.FileSelector(self._path, allow_not_found=True))
        return sorted(entry.base_name for entry in entries if entry.type == fs.FileType.Directory)

    def num_bytes(self) -> int:
        """The size of all files below, without those behind links, in bytes."""
        if not self.is_local:
            selector = fs.FileSelector(self._path, allow_not_found=True, recursive=True)
            return sum(info.size or 0 for info in self._fs.get_file_info(selector))
        num_bytes = 0
        for path in self._own_files():
            with suppress(FileNotFoundError):  # its writer has just moved it
                num_bytes += os.lstat(path).st_size
        return num_bytes

    def _own_files(self) -> Iterator[str]:
        """The paths of all files below on disk, following no link."""
        for where, _, names in os.walk(self._at("")):
            yield from (f"{where}/{name}" for name in names)

    def modified(self, name: str) -> float | None:
        """The file's modification time in seconds since 1970, or None where there is no such file."""
        moment = self._fs.get_file_info(self._at(name)).mtime_ns
        return None if moment is None else moment / 1e9

    def move(self, name: str, other: str) -> None:
        """Rename the file, replacing the other; a bucket copies it."""
        self._fs.move(self._at(name), self._at(other))

    def sweep(self) -> None:
        """Delete temporary files that a killed process left on disk; a bucket has none."""
        for path in self._own_files() if self.is_local else ():
            if TEMPORARY in os.path.basename(path):
                with suppress(FileNotFoundError):  # its writer still lives, and has just moved it into place
                    os.unlink(path)

    def read_json(self, name: str) -> Any:
        """The parsed file, or None where there is no such file."""
        content = self.read(name)
        return None if content is None else json.loads(content)

    def write_json(self, name: str, value: Any) -> None:
        """Write ``value`` as indented JSON."""
        self.write(name, (json.dumps(value, indent=2) + "\n").encode())

    def damaged(self, name: str, way_out: str, how: str = "it is not as it was written") -> DamagedError:
        """A DamagedError with the file, its fault and the way out."""
        return DamagedError(f"{self.root}/{name}: {how}; {way_out}")

    def write_sealed(self, name: str, facts: Mapping[str, Any]) -> None:
        """Write the facts as JSON with their checksum."""
        self.write_json(name, sealed(facts))

    def read_sealed(self, name: str, way_out: str, *needed: str, always_sealed: bool = False) -> dict[str, Any] | None:
        """The facts of a sealed file, None where there is no such file.

        Unless ``always_sealed``, a file without a checksum is of an earlier version and is not checked. Raises
        DamagedError for a wrong checksum, or where one of the ``needed`` names is missing.
        """
        try:
            facts = self.read_json(name)
            if facts is None:
                return None
            facts = unsealed(facts) if always_sealed or CHECKSUM in facts else {**facts}
            if missing := set(needed) - facts.keys():
                raise KeyError(*missing)
        except UNREADABLE as error:
            raise self.damaged(name, way_out) from error
        return facts

    def read_entries(self, name: str, parsed: Callable[[Any], dict[str, Any]], way_out: str) -> list[dict[str, Any]]:
        """The entries of a sealed list, each parsed by ``parsed``; raises DamagedError for an unreadable entry."""
        try:
            content = self.read_json(name) or []  # a bare list in cells of an earlier version
            if isinstance(content, dict):
                content = (unsealed(content) if CHECKSUM in content else content)[ENTRIES]
            return [parsed(entry) for entry in content]
        except UNREADABLE as error:
            raise self.damaged(name, way_out) from error

    def read_tensors(self, name: str, way_out: str) -> tuple[Tensors, dict[str, Any]]:
        """The tensors and facts of a checkpoint, both empty where there is no such file; raises DamagedError."""
        content = self.read(name)
        try:
            return ({}, {}) if content is None else unpack(content)
        except CheckpointError as error:
            raise self.damaged(name, way_out, str(error)) from error

    def read_rows(self, name: str, way_out: str) -> list[dict[str, Any]]:
        """The rows of a file of sealed lines; raises DamagedError for a line with a wrong checksum."""
        rows, num_lines = self.rows_before_damage(name)
        if len(rows) < num_lines:
            raise self.damaged(name, way_out, f"line {len(rows) + 1} is not as it was written")
        return rows

    def rows_before_damage(self, name: str) -> tuple[list[dict[str, Any]], int]:
        """The rows before the first damaged line, and the number of lines."""
        return unsealed_rows(self.read(name) or b"")


def check_storage_name(storage: str) -> None:
    """Raises ValueError for a storage that is neither a folder nor a bucket, or that a URL could not hold."""
    scheme, separator, path = storage.partition("://")
    if separator and scheme not in ("file", *SCHEMES):
        schemes = ", ".join(f"{name}://" for name in SCHEMES)
        raise ValueError(f"--storage must be a folder or a URL that begins with {schemes}, got {storage!r}")
    if separator and "@" in path:
        raise ValueError("--storage must be without a key or password: AWS_ACCESS_KEY_ID and the like hold them")
    if forbidden := set("#%?") & set(path if separator else str(Path(storage).resolve())):
        raise ValueError(f"--storage must be without {' '.join(sorted(forbidden))}, got {storage!r}")
