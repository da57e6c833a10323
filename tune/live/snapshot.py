"""A study's folder as it was at the last look: what has not changed since is not read again."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from pyarrow import fs

from data.files import unsealed_rows
from tune.core.cell_folder import ATTEMPT
from tune.core.folder import Folder
from tune.core.orders import ORDERS

CELLS = "cells"
Stamp = tuple[int, int]
"""A file's bytes, and when it changed, in nanoseconds since 1970."""
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class _Lines:
    """What was read of a file of sealed lines: its stamp and its cell's attempt then, and how many bytes that were."""

    stamp: Stamp
    attempt: Stamp | None
    num_bytes: int
    rows: Rows
    num_lines: int

    def grown(self, more: bytes, stamp: Stamp) -> "_Lines | None":
        """With what was appended; None where that does not follow."""
        rows, num_lines = unsealed_rows(more)
        both = [*self.rows, *rows]
        epochs = [row.get("epoch") for row in both]
        if len(both) < self.num_lines + num_lines or epochs != [*range(1, len(both) + 1)]:
            return None
        return _Lines(stamp, self.attempt, self.num_bytes + len(more), both, self.num_lines + num_lines)


@dataclass
class _Memory:
    """What a look found, and what was read since: by path from the study's folder."""

    stamps: dict[str, Stamp] = field(default_factory=dict)
    contents: dict[str, tuple[Stamp, bytes | None]] = field(default_factory=dict)
    lines: dict[str, _Lines] = field(default_factory=dict)


class Snapshot(Folder):
    """A study's folder through which only changed files are read; it is never written through it.

    Small files in the folder, in ``orders/`` and in the cells' folders are as at the last :meth:`look`. All others,
    such as checkpoints and predictions, are read each time.
    """

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self._home = self._path
        self._memory = _Memory()

    def look(self) -> set[str]:
        """See which files are there now; the paths of those that are new, changed or gone."""
        before, now = self._memory.stamps, dict(self._listed())
        self._memory.stamps = now
        changed = {path for path, stamp in now.items() if before.get(path) != stamp} | (before.keys() - now.keys())
        for path in before.keys() - now.keys():
            self._memory.contents.pop(path, None)
            self._memory.lines.pop(path, None)
        return changed

    def paths(self) -> list[str]:
        """The paths of all files that the last look saw."""
        return [*self._memory.stamps]

    def stamps_of(self, name: str) -> dict[str, Stamp]:
        """The stamps of the files of that name, by path."""
        return {path: stamp for path, stamp in self._memory.stamps.items() if path.endswith(f"/{name}")}

    def _listed(self) -> Iterator[tuple[str, Stamp]]:
        if self.is_local:
            yield from self._files_in("")
            yield from self._files_in(ORDERS)
            for name in self.folders_in(CELLS):
                yield from self._files_in(f"{CELLS}/{name}")
            return
        for name, is_deep in (("", False), (ORDERS, True), (CELLS, True)):
            selector = fs.FileSelector(self._at(name), allow_not_found=True, recursive=is_deep)
            files = [info for info in self._fs.get_file_info(selector) if info.is_file]
            yield from ((info.path[len(self._home) + 1 :], (info.size, info.mtime_ns)) for info in files)

    def _files_in(self, name: str) -> Iterator[tuple[str, Stamp]]:
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(f"{self._home}/{name}") as entries:
            for entry in entries:
                with suppress(OSError):  # its writer has just moved it, or it leads nowhere
                    if entry.is_file():
                        facts = entry.stat()
                        yield f"{name}/{entry.name}".lstrip("/"), (facts.st_size, facts.st_mtime_ns)

    def folders_in(self, name: str) -> list[str]:
        """The names of the folders in a folder on disk, none where it does not exist."""
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(f"{self._home}/{name}") as entries:
            return [entry.name for entry in entries if entry.is_dir()]
        return []

    def _place(self, name: str) -> str | None:
        """The path from the study's folder of a file that a look lists, None for any other."""
        path = f"{self._path}/{name}"[len(self._home) + 1 :]
        head, _, rest = path.partition("/")
        depth = path.count("/")
        return path if not rest or (head == ORDERS and depth == 1) or (head == CELLS and depth == 2) else None

    def read(self, name: str) -> bytes | None:
        if (path := self._place(name)) is None:
            return super().read(name)
        if (stamp := self._memory.stamps.get(path)) is None:
            return None
        if not name.endswith(".json"):
            return super().read(name)
        if (kept := self._memory.contents.get(path)) is None or kept[0] != stamp:
            kept = self._memory.contents[path] = (stamp, super().read(name))
        return kept[1]

    def has(self, name: str) -> bool:
        path = self._place(name)
        return super().has(name) if path is None else path in self._memory.stamps

    def rows_before_damage(self, name: str) -> tuple[Rows, int]:
        """As of :class:`Folder`; the rows are shared by all who ask. Of a file that has grown, only the end is read."""
        path = self._place(name)
        stamp = None if path is None else self._memory.stamps.get(path)
        if path is None or stamp is None:
            return super().rows_before_damage(name)
        kept = self._memory.lines.get(path)
        if kept is None or kept.stamp != stamp:
            kept = self._memory.lines[path] = self._lines(name, path, stamp, kept)
        return kept.rows, kept.num_lines

    def _lines(self, name: str, path: str, stamp: Stamp, kept: _Lines | None) -> _Lines:
        """The file's lines. An attempt only appends; another attempt may begin with fewer lines."""
        attempt = self._memory.stamps.get(f"{path.rpartition('/')[0]}/{ATTEMPT}")
        if kept is not None and kept.attempt == attempt and kept.rows and kept.num_bytes < stamp[0]:
            with suppress(OSError):  # it is no longer there, as the whole file is then
                if grown := kept.grown(self._read_from(name, kept.num_bytes), stamp):
                    return grown
        content = self.read(name) or b""
        return _Lines(stamp, attempt, len(content), *unsealed_rows(content))

    def _read_from(self, name: str, offset: int) -> bytes:
        with self._fs.open_input_file(self._at(name)) as file:
            file.seek(offset)
            return file.read()
