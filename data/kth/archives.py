"""Extraction of KTH's zip archives: named videos only, each written whole or not at all."""

import errno
import lzma
import os
import shutil
import stat
import struct
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from data.errors import ArchiveError
from data.files import locked
from data.kth.annotations import NAME

MAX_VIDEO_BYTES = 64 * 2**20
"""KTH's largest video has about 6 MB; a member far above that is not one of them."""

_DAMAGE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, IndexError, RuntimeError, ValueError,
)  # fmt: skip
"""What ``zipfile`` raises for one file or another that is no zip archive."""


def extract(archive: Path, folder: Path) -> None:
    """Extract the videos in ``archive`` into ``folder``; those already there with equal bytes stay.

    Members with other names are left alone. Raises :class:`ArchiveError` for a damaged archive and for
    one with a member that would leave the folder, is a link or is too large: then nothing of it is used.
    """
    with locked(folder / ".lock"):
        try:
            with zipfile.ZipFile(archive) as zipped:
                for member in _videos_in(archive, zipped):
                    _extract_member(zipped, member, folder)
        except ArchiveError:
            raise
        except _DAMAGE as error:
            raise _damaged(archive, error) from error
        except OSError as error:
            if error.errno != errno.EINVAL:  # a place before the file's beginning, and not a disk that is full
                raise
            raise _damaged(archive, error) from error


def _damaged(archive: Path, error: Exception) -> ArchiveError:
    return ArchiveError(f"{archive} is damaged ({error}): delete it and run the same command again")


def _videos_in(archive: Path, zipped: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    members = [member for member in zipped.infolist() if not member.is_dir()]
    for member in members:
        _check_member(archive, member)
    videos = [member for member in members if _is_video(member)]
    if len({PurePosixPath(member.filename).name for member in videos}) < len(videos):
        raise ArchiveError(f"{archive}: a video must be in it once, and one is there again")
    return videos


def _check_member(archive: Path, member: zipfile.ZipInfo) -> None:
    path = PurePosixPath(member.filename.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        raise ArchiveError(f"{archive}: a member must stay inside the folder, got {member.filename!r}")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise ArchiveError(f"{archive}: a member must not be a link, got {member.filename!r}")
    if _is_video(member) and member.file_size > MAX_VIDEO_BYTES:
        size = f"{member.filename!r} of {member.file_size}"
        raise ArchiveError(f"{archive}: a video must have at most {MAX_VIDEO_BYTES} bytes, got {size}")


def _is_video(member: zipfile.ZipInfo) -> bool:
    name = PurePosixPath(member.filename).name
    return name.endswith("_uncomp.avi") and NAME.fullmatch(name.removesuffix("_uncomp.avi")) is not None


def _extract_member(zipped: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path) -> None:
    path = folder / PurePosixPath(member.filename).name
    if _holds(path, member):
        return
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with zipped.open(member) as source, temporary.open("wb") as target:
            shutil.copyfileobj(source, target, 2**20)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _holds(path: Path, member: zipfile.ZipInfo) -> bool:
    if not path.is_file() or path.stat().st_size != member.file_size:
        return False
    return zlib.crc32(path.read_bytes()) == member.CRC
