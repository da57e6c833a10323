"""Where the ramp's videos come from: a folder on disk, or the archive on the official server."""

import re
import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from data.errors import DataError
from data.files import locked
from data.preparing.folders import dataset_of
from data.sources.archives import extract_member, opened
from data.sources.download import download

DATASET = "physics101"
OFFICIAL = "http://phys101.csail.mit.edu/data/phys101_v1.0.zip"
WAY_OUT = "run the same command again to go on where it stopped, or give --files DIR with the unpacked archive"
CAMERA = "Kinect_RGB_1.mp4"
VIDEO = re.compile(rf"(?:^|/)([\w-]+)/(20_\w+)/(\w+)/{re.escape(CAMERA)}$")
"""OBJECT/20_SETTING/TRIAL/Kinect_RGB_1.mp4: the clips at 20 degrees."""
MOST_BYTES = 2**28
"""Of a video."""


@dataclass(frozen=True)
class Source:
    """The videos that are there, by "object/setting/trial"."""

    origin: str
    videos: dict[str, Path]
    dataset: str


def from_folder(folder: Path, origin: str = "videos on disk") -> Source:
    """The videos of the ramp in ``folder`` and below it."""
    if not folder.is_dir():
        raise DataError(f"videos must be a folder that exists, got {folder}")
    inside = folder.name == "ramp" or not any(folder.rglob("ramp"))
    videos: dict[str, Path] = {}
    for path in sorted(folder.rglob(CAMERA)):
        relative = path.relative_to(folder).as_posix()
        match = VIDEO.search(relative)
        if match is None or not (inside or "ramp/" in relative):
            continue
        name = "/".join(match.groups())
        if name in videos:
            raise DataError(f"a video must be there once, got {videos[name]} and {path}")
        videos[name] = path
    if not videos:
        raise DataError(f"{folder} must hold OBJECT/20_SETTING/TRIAL/{CAMERA} below a folder ramp, and holds none")
    return Source(origin, videos, dataset_of(DATASET, folder))


def from_server(url: str, raw: Path) -> Source:
    """The ramp's videos of the archive at ``url``, downloaded to ``raw`` and extracted there."""
    archive = download(url, raw / "phys101_v1.0.zip", way_out=WAY_OUT)
    extract(archive, raw / "ramp")
    return from_folder(raw / "ramp", url)


def extract(archive: Path, folder: Path) -> None:
    """Extract the ramp's videos at 20 degrees; those already there with equal bytes stay.

    Where a video goes is made of its own name alone, and never of a path in the archive. Raises DataError for an
    archive that is damaged, or has a video that is a link or too large.
    """
    with locked(folder / ".lock"), opened(archive) as zipped:
        for member in zipped.infolist():
            match = VIDEO.search(member.filename)
            if match is None or "/ramp/" not in f"/{member.filename}":
                continue
            if stat.S_ISLNK(member.external_attr >> 16) or member.file_size > MOST_BYTES:
                video = f"{PurePosixPath(member.filename)} of {member.file_size}"
                raise DataError(f"{archive}: a video must be a file of at most {MOST_BYTES} bytes, got {video}")
            extract_member(zipped, member, folder.joinpath(*match.groups(), CAMERA))
