"""Zip archives: damage of any kind named in one error, members written whole or not at all."""

import contextlib
import errno
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from data.errors import DataError
from data.files import instead_of_data, replacing


@contextlib.contextmanager
def opened(archive: Path) -> Iterator[zipfile.ZipFile]:
    """The zip file to read from; raises :class:`DataError` for one that is damaged."""
    try:
        with zipfile.ZipFile(archive) as zipped:
            yield zipped
    except (DataError, MemoryError):
        raise
    except Exception as error:  # what zipfile raises depends on where the file is broken
        if isinstance(error, OSError) and error.errno != errno.EINVAL:  # as of a full disk, not of a place in the file
            raise
        raise _damaged(archive, error) from error


def extract_member(zipped: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> None:
    """Write what a member holds to ``path``, unless equal bytes are there already."""
    if path.is_file() and path.stat().st_size == member.file_size and zlib.crc32(path.read_bytes()) == member.CRC:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipped.open(member) as source, replacing(path) as temporary, temporary.open("wb") as target:
        shutil.copyfileobj(source, target, 2**20)


def _damaged(archive: Path, error: Exception) -> DataError:
    """What is wrong: that the file is no archive but a pointer or a web page, or that it is damaged."""
    if archive.stat().st_size and (reason := instead_of_data(archive)):
        return DataError(f"{archive} must be a zip archive, it {reason}")
    return DataError(f"{archive} is damaged ({error}): delete it and run the same command again")
