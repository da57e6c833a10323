"""Where KTH's videos come from: the zip archives of the official server or a mirror of it, or a folder on disk."""

import filecmp
import re
import stat
import zipfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from data.errors import DataError
from data.files import files_below, locked, sha256_of
from data.kth.annotations import ACTIONS, ANNOTATION, LIKE, NAME, plain_name
from data.manifest import Remark
from data.preparing.folders import dataset_of
from data.sources.archives import extract_member, opened
from data.sources.download import download

OFFICIAL = "http://www.csc.kth.se/cvap/actions/"
ON_DISK = "videos on disk"
DATASET = "kth"
WAY_OUT = (
    "run the same command again to go on where it stopped, or put the videos and 00sequences.txt into a "
    "folder and use them with --videos DIR"
)
NAMED_LIKE_IT = re.compile(r"00sequences(\.txt)*", re.IGNORECASE)
OTHER_ENDINGS = (".mp4", ".mkv", ".mov", ".webm", ".mpg", ".mpeg", ".m4v", ".wmv", ".ogv")
MAX_VIDEO_BYTES = 64 * 2**20
"""KTH's largest video has about 6 MB; a member of an archive far above that is not one of them."""


@dataclass(frozen=True)
class Source:
    """An annotation and the videos that are there, by name."""

    origin: str
    annotation: Path
    videos: dict[str, Path]
    dataset: str = DATASET
    archives: dict[str, str] = field(default_factory=dict)
    encoded_again: dict[str, Remark] = field(default_factory=dict)
    """Videos that are there as .mp4 or the like alone, by name: other pixels than KTH's, so that they are not taken."""


def from_folder(folder: Path, *, url: str, raw: Path) -> Source:
    """The videos in ``folder`` and below it; the annotation is fetched where the folder has none."""
    if not folder.is_dir():
        raise DataError(f"videos must be a folder that exists, got {folder}")
    annotation = _annotation_below(folder) or download(url + ANNOTATION, raw / ANNOTATION, way_out=WAY_OUT)
    videos, others = _videos_below(folder, (".avi",)), _videos_below(folder, OTHER_ENDINGS)
    reason = "is there as {}, encoded again: only KTH's own AVI files are taken"
    again = {name: Remark(name, reason.format(path.name)) for name, path in others.items() if name not in videos}
    return Source(ON_DISK, annotation, videos, dataset_of(DATASET, folder), encoded_again=again)


def from_server(url: str, *, raw: Path) -> Source:
    """The annotation and the six archives at ``url``, downloaded to ``raw`` and extracted there."""
    annotation = download(url + ANNOTATION, raw / ANNOTATION, way_out=WAY_OUT)
    folder, archives = raw / "videos", {}
    for action in ACTIONS:
        path = download(f"{url}{action}.zip", raw / f"{action}.zip", way_out=WAY_OUT)
        extract(path, folder)
        archives[path.name] = sha256_of(path)
    return Source(url, annotation, _videos_below(folder, (".avi",)), archives=archives)


def _annotation_below(folder: Path) -> Path | None:
    """The annotation in the folder, else the one below it, else None; raises DataError for two that differ."""
    paths = files_below(folder, NAMED_LIKE_IT)
    paths = [path for path in paths if path.parent == folder] or paths
    if len({path.read_bytes() for path in paths}) > 1:
        raise DataError(f"{paths[0]} and {paths[1]} must be equal, or one of them must go: the annotation is read once")
    return paths[0] if paths else None


def _videos_below(folder: Path, endings: tuple[str, ...]) -> dict[str, Path]:
    """The videos with one of the endings in the folder and below it, by name; of equal copies the first."""
    videos: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        match = LIKE.fullmatch(path.name)
        if match is None or (match["ending"] or "").lower() not in endings or not path.is_file():
            continue
        name = plain_name(match)
        if NAME.fullmatch(name) is None:
            continue
        if name in videos and not filecmp.cmp(videos[name], path, shallow=False):
            raise DataError(f"a video must be there once, got {videos[name]} and {path}, which differ")
        videos.setdefault(name, path)
    return videos


def extract(archive: Path, folder: Path) -> None:
    """Extract the videos in ``archive`` into ``folder``; those already there with equal bytes stay.

    Members with other names are left alone. Raises :class:`DataError` for a damaged archive and for
    one with a member that would leave the folder, is a link or is too large: then nothing of it is used.
    """
    with locked(folder / ".lock"), opened(archive) as zipped:
        for name, member in _videos_in(archive, zipped).items():
            extract_member(zipped, member, folder / name)


def _videos_in(archive: Path, zipped: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    videos: dict[str, zipfile.ZipInfo] = {}
    for member in zipped.infolist():
        if member.is_dir():
            continue
        path = PurePosixPath(member.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
            raise DataError(f"{archive}: a member must stay inside the folder, got {member.filename!r}")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise DataError(f"{archive}: a member must not be a link, got {member.filename!r}")
        if not path.name.endswith("_uncomp.avi") or not NAME.fullmatch(path.name.removesuffix("_uncomp.avi")):
            continue
        if member.file_size > MAX_VIDEO_BYTES:
            size = f"{member.filename!r} of {member.file_size}"
            raise DataError(f"{archive}: a video must have at most {MAX_VIDEO_BYTES} bytes, got {size}")
        if videos.setdefault(path.name, member) is not member:
            raise DataError(f"{archive}: a video must be in it once, and one is there again")
    return videos
