"""Zip archives: damage of any kind named in one error, members written whole or not at all."""

import contextlib
import errno
import lzma
import os
import shutil
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from data.errors import ArchiveError
from fernn.files.kinds import UnreadableError, require_content

_DAMAGE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, IndexError, RuntimeError, ValueError,
)  # fmt: skip
"""What ``zipfile`` raises for one file or another that is no zip archive."""


@contextlib.contextmanager
def opened(archive: Path) -> Iterator[zipfile.ZipFile]:
    """The zip file to read from; raises :class:`ArchiveError` for one that is damaged."""
    try:
        with zipfile.ZipFile(archive) as zipped:
            yield zipped
    except ArchiveError:
        raise
    except _DAMAGE as error:
        raise _damaged(archive, error) from error
    except OSError as error:
        if error.errno != errno.EINVAL:  # a place before the file's beginning, and not a disk that is full
            raise
        raise _damaged(archive, error) from error


def extract_member(zipped: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> None:
    """Write what a member holds to ``path``, unless equal bytes are there already."""
    if path.is_file() and path.stat().st_size == member.file_size and zlib.crc32(path.read_bytes()) == member.CRC:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with zipped.open(member) as source, temporary.open("wb") as target:
            shutil.copyfileobj(source, target, 2**20)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _damaged(archive: Path, error: Exception) -> ArchiveError:
    """What is wrong: that the file is no archive but a pointer or a web page, or that it is damaged."""
    try:
        if archive.stat().st_size:
            require_content(archive)
    except UnreadableError as reason:
        return ArchiveError(f"{archive} must be a zip archive, {reason}")
    return ArchiveError(f"{archive} is damaged ({error}): delete it and run the same command again")
