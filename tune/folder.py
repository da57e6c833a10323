"""Folders on local disk or in a bucket, whose files are written whole or not at all."""

import json
import os
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from copy import copy
from pathlib import Path
from typing import Any, Self, TypeVar

from pyarrow import fs

from data.bucket import SCHEMES

TEMPORARY = ".tmp-"
AT_ONCE = 32
"""Requests to a bucket that wait for their answers at the same time."""
Item = TypeVar("Item")
Found = TypeVar("Found")
UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What parsing and unsealing a file raises that is not one of ours."""


class Folder:
    """Files below one root, which is a path or the URL of a bucket (``s3://bucket/path``)."""

    def __init__(self, root: str) -> None:
        root = root if "://" in root else os.path.abspath(root)
        self._fs, self._path = fs.FileSystem.from_uri(root)
        self.is_local = isinstance(self._fs, fs.LocalFileSystem)
        self.root = self._path if self.is_local else root

    def __reduce__(self) -> tuple[type[Self], tuple[str]]:
        """Another process opens it anew, with its own credentials."""
        return type(self), (self.root,)

    @property
    def name(self) -> str:
        """The last part of the root."""
        return self.root.rstrip("/").rpartition("/")[2]

    def __truediv__(self, name: str) -> Self:
        """The folder of that name in this one; in a bucket through the same connection."""
        if self.is_local:
            return type(self)(f"{self.root}/{name}")
        child = copy(self)
        child.root, child._path = f"{self.root}/{name}", f"{self._path}/{name}"
        return child

    def each(self, function: Callable[[Item], Found], items: Iterable[Item]) -> list[Found]:
        """What the function finds below this folder for each item, in order; in a bucket many wait at a time."""
        if self.is_local:
            return [function(item) for item in items]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(function, items))

    def read(self, name: str) -> bytes | None:
        """The file's content, or None where there is no such file."""
        try:
            with self._fs.open_input_stream(f"{self._path}/{name}") as stream:
                return stream.read()
        except FileNotFoundError:
            return None

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        (info,) = self._fs.get_file_info([f"{self._path}/{name}"])
        return info.type == fs.FileType.File

    def size(self, name: str) -> int:
        """The file's bytes, 0 where there is no such file."""
        (info,) = self._fs.get_file_info([f"{self._path}/{name}"])
        return info.size or 0

    def write(self, name: str, content: bytes) -> None:
        """Write the file whole or not at all: to a temporary name first, then moved over the old one.

        A bucket shows an object when it is complete, and needs no temporary name.
        """
        path = f"{self._path}/{name}"
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
        self._fs.delete_file(f"{self._path}/{name}")

    def children(self, name: str) -> list[str]:
        """The names in a folder below this one, sorted; none where it does not exist."""
        selector = fs.FileSelector(f"{self._path}/{name}", allow_not_found=True)
        return sorted(info.base_name for info in self._fs.get_file_info(selector))

    def exists(self) -> bool:
        """Whether there is such a folder; in a bucket, whether it has a file."""
        (info,) = self._fs.get_file_info([self._path])
        return info.type == fs.FileType.Directory

    def folders(self) -> list[str]:
        """The names of the folders in this one, sorted; none where it does not exist."""
        found = self._fs.get_file_info(fs.FileSelector(self._path, allow_not_found=True))
        return sorted(info.base_name for info in found if info.type == fs.FileType.Directory)

    def num_bytes(self) -> int:
        """What all files below take."""
        selector = fs.FileSelector(self._path, allow_not_found=True, recursive=True)
        return sum(info.size or 0 for info in self._fs.get_file_info(selector))

    def modified(self, name: str) -> float | None:
        """When the file was written, in seconds since 1970, or None where there is no such file."""
        (info,) = self._fs.get_file_info([f"{self._path}/{name}"])
        return None if info.mtime_ns is None else info.mtime_ns / 1e9

    def move(self, name: str, other: str) -> None:
        """Give the file another name, over what has it; in a bucket it is copied there."""
        self._fs.move(f"{self._path}/{name}", f"{self._path}/{other}")

    def sweep(self) -> None:
        """Remove temporary files that a killed process left."""
        selector = fs.FileSelector(self._path, allow_not_found=True, recursive=True)
        for info in self._fs.get_file_info(selector):
            if TEMPORARY in info.base_name:
                with suppress(FileNotFoundError):  # its writer still lives, and has just moved it into place
                    self._fs.delete_file(info.path)

    def read_json(self, name: str) -> Any:
        """The parsed file, or None where there is no such file."""
        content = self.read(name)
        return None if content is None else json.loads(content)

    def write_json(self, name: str, value: Any) -> None:
        """Write ``value`` as indented JSON."""
        self.write(name, (json.dumps(value, indent=2) + "\n").encode())


def check_storage_name(storage: str) -> None:
    """Raises ValueError for a storage that is neither a folder nor a bucket, or that a URL could not hold."""
    scheme, separator, path = storage.partition("://")
    if separator and scheme not in ("file", *SCHEMES):
        known = ", ".join(f"{name}://" for name in SCHEMES)
        raise ValueError(f"--storage must be a folder or a URL that begins with {known}, got {storage!r}")
    if separator and "@" in path:
        raise ValueError("--storage must be without a key or password: AWS_ACCESS_KEY_ID and the like hold them")
    if found := set("#%?") & set(path if separator else str(Path(storage).resolve())):
        raise ValueError(f"--storage must be without {' '.join(sorted(found))}, got {storage!r}")
