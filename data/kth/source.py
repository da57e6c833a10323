"""Where KTH's videos come from: the official server, a mirror of it, or a folder on disk."""

import filecmp
import hashlib
import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from data.errors import DataError
from data.files import files_below, sha256_of
from data.kth.annotations import ACTIONS, ANNOTATION, LIKE, NAME, Video, plain_name, read_annotation
from data.kth.archives import extract
from data.sources.download import download

OFFICIAL = "http://www.csc.kth.se/cvap/actions/"
ON_DISK = "videos on disk"
WAY_OUT = (
    "run the same command again to go on where it stopped, or put the videos and 00sequences.txt into a "
    "folder and use them with --videos DIR"
)
NAMED_LIKE_IT = re.compile(r"00sequences(\.txt)*", re.IGNORECASE)
OTHER_ENDINGS = (".mp4", ".mkv", ".mov", ".webm", ".mpg", ".mpeg", ".m4v", ".wmv", ".ogv")
DEMO_MARK = "demo.json"
"""A file beside the videos that says they are rendered; :mod:`data.kth.demo` writes it."""


@dataclass(frozen=True)
class Source:
    """An annotation and the videos that are there, by name."""

    origin: str
    annotation: Path
    videos: dict[str, Path]
    demo: bool = False
    archives: dict[str, str] = field(default_factory=dict)
    encoded_again: dict[str, Path] = field(default_factory=dict)
    """Videos that are there as .mp4 or the like alone, by name: other pixels than KTH's, so that they are not taken."""

    @property
    def dataset(self) -> str:
        return dataset_name(demo=self.demo)

    def annotated(self) -> tuple[Video, ...]:
        """The videos of the annotation that should exist."""
        return tuple(video for video in read_annotation(self.annotation) if not video.missing)

    def fingerprint(self) -> str:
        """A hash over the data set's name, the annotation, and the names and bytes of the videos."""
        paths = [self.annotation, *self.videos.values()]
        with ThreadPoolExecutor(max_workers=2) as pool:
            hashes = list(pool.map(sha256_of, paths))
        return hashlib.sha256(json.dumps([self.dataset, *self.videos, *hashes]).encode()).hexdigest()


def dataset_name(*, demo: bool) -> str:
    """What clips from real or from rendered videos are called."""
    return "kth-demo" if demo else "kth"


def is_demo(folder: Path) -> bool:
    """Whether the videos in ``folder`` are rendered."""
    return (folder / DEMO_MARK).exists()


def from_folder(folder: Path, *, url: str, raw: Path) -> Source:
    """The videos in ``folder`` and below it; the annotation is fetched where the folder has none."""
    if not folder.is_dir():
        raise DataError(f"videos must be a folder that exists, got {folder}")
    annotation = _annotation_below(folder) or download(url + ANNOTATION, raw / ANNOTATION, way_out=WAY_OUT)
    videos, others = _videos_below(folder, (".avi",)), _videos_below(folder, OTHER_ENDINGS)
    others = {name: path for name, path in others.items() if name not in videos}
    return Source(ON_DISK, annotation, videos, is_demo(folder), encoded_again=others)


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
    found = files_below(folder, NAMED_LIKE_IT)
    found = [path for path in found if path.parent == folder] or found
    if len({path.read_bytes() for path in found}) > 1:
        raise DataError(f"{found[0]} and {found[1]} must be equal, or one of them must go: the annotation is read once")
    return found[0] if found else None


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
