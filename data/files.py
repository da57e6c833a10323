"""Files: written whole or not at all, told from what is no data, their checksums, a lock between processes."""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from data.errors import DataError
from fernn.files.kinds import UnreadableError, require_content

MOST_DEEP = 4
"""How many folders down files are looked for in one that a user names."""
CHECKSUM = "crc32"
"""The name under which facts carry their own checksum, by which a flipped byte is noticed."""
CHECKSUM_TEXT = f', "{CHECKSUM}": '.encode()
UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""The errors of parsing and unsealing a file with unexpected content."""
NO_ROOM = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "the quota is used up", errno.EFBIG: "too large"}


def full_path(path: Path | str) -> Path:
    """The path from the root, with ~ and ~user replaced; raises DataError for a user without a home folder."""
    try:
        return Path(path).expanduser().resolve()
    except RuntimeError as error:
        raise DataError(f"{path} is in no home folder that is known here: write the path out") from error


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def names_and_bytes(names: Iterable[str], paths: Iterable[Path]) -> str:
    """A hash over names and the bytes of files, in hexadecimal."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        hashes = list(pool.map(sha256_of, paths))
    return hashlib.sha256(json.dumps([*names, *hashes]).encode()).hexdigest()


def checksum(value: Any) -> int:
    """CRC-32 of a JSON value, which finds every flipped byte."""
    return zlib.crc32(json.dumps(value).encode())


def sealed(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts with their checksum."""
    return {**facts, CHECKSUM: checksum(facts)}


def unsealed(facts: dict[str, Any]) -> dict[str, Any]:
    """The facts without their checksum; raises KeyError where that is missing, ValueError where it is of others."""
    if facts.pop(CHECKSUM) != checksum(facts):
        raise ValueError("the checksum is of other facts")
    return facts


def unsealed_rows(content: bytes) -> tuple[list[dict[str, Any]], int]:
    """The rows of sealed lines before the first damaged one, and the number of lines.

    A checksum is that of a line's text before it, so that whole lines are parsed in one go.
    """
    lines = content.splitlines()
    texts = [text for line in lines if (text := _checked(line)) is not None]
    if len(texts) == len(lines):
        with suppress(*UNREADABLE):
            return json.loads(b"[" + b",".join(texts) + b"]"), len(lines)
    rows: list[dict[str, Any]] = []
    for line in lines:
        try:
            rows.append(unsealed(json.loads(line)))
        except UNREADABLE:
            break
    return rows, len(lines)


def _checked(line: bytes) -> bytes | None:
    """The text that the line's checksum is of, None where it is of another."""
    text, _, rest = line.rpartition(CHECKSUM_TEXT)
    return text + b"}" if rest == b"%d}" % zlib.crc32(text + b"}") else None


def instead_of_data(path: Path) -> str:
    """What a file is instead of data, as the end of a sentence with the way out; "" where it may be data.

    People often have nothing under a data file's name, a Git LFS pointer or a web page.
    """
    try:
        require_content(path)
    except UnreadableError as error:
        return str(error).removeprefix("it ")
    return ""


def files_below(folder: Path, name: re.Pattern[str]) -> list[Path]:
    """The files whose whole name the pattern matches, in ``folder`` and four folders down, the nearest first."""
    matching: list[Path] = []
    for place, folders, files in os.walk(folder, followlinks=True):
        depth = len(Path(place).relative_to(folder).parts)
        folders[:] = sorted(inner for inner in folders if not inner.startswith((".", "__MACOSX")))
        if depth == MOST_DEEP:
            folders.clear()
        paths = (Path(place) / file for file in files if name.fullmatch(file))
        matching += [path for path in paths if path.is_file()]
    return sorted(matching, key=lambda path: (len(path.parts), path))


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file to write that takes ``path``'s place at the end, or leaves nothing; the caller holds a lock."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_atomically(path: Path, text: str) -> None:
    """Write ``text`` so that ``path`` holds all of it or what it held before; the caller holds a lock."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


@contextlib.contextmanager
def locked(path: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the lock file ``path`` alone; ``waiting`` is called once if another process has it.

    The kernel lets go of it when the process ends, however it ends. The empty file stays behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """A folder to fill that takes ``folder``'s place at the end, or leaves nothing; the caller holds the lock."""
    temporary = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)  # of a run that was killed
    try:
        temporary.mkdir(parents=True)
        yield temporary
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def room_in(folder: Path) -> Iterator[None]:
    """Turn "no room to write" of any kind into one clear error that names ``folder``."""
    try:
        yield
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise DataError(
            f"cannot write in {folder}: {NO_ROOM[error.errno]}; free some space or choose another "
            "folder, then run the same command again (nothing half-written is kept)"
        ) from error
