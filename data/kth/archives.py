"""Extraction of KTH's zip archives: named videos only, each written whole or not at all."""

import stat
import zipfile
from pathlib import Path, PurePosixPath

from data.errors import ArchiveError
from data.files import locked
from data.kth.annotations import NAME
from data.sources.archives import extract_member, opened

MAX_VIDEO_BYTES = 64 * 2**20
"""KTH's largest video has about 6 MB; a member far above that is not one of them."""


def extract(archive: Path, folder: Path) -> None:
    """Extract the videos in ``archive`` into ``folder``; those already there with equal bytes stay.

    Members with other names are left alone. Raises :class:`ArchiveError` for a damaged archive and for
    one with a member that would leave the folder, is a link or is too large: then nothing of it is used.
    """
    with locked(folder / ".lock"), opened(archive) as zipped:
        for member in _videos_in(archive, zipped):
            extract_member(zipped, member, folder / PurePosixPath(member.filename).name)


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
