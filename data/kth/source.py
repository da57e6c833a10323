"""Where KTH's videos come from: the official server, a mirror of it, or a folder on disk."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from data.download import download
from data.errors import DataError
from data.files import sha256_of
from data.kth.annotations import ACTIONS, ANNOTATION, NAME, Video, read_annotation
from data.kth.archives import extract

OFFICIAL = "http://www.csc.kth.se/cvap/actions/"
ON_DISK = "videos on disk"
WAY_OUT = (
    "run the same command again to go on where it stopped, or put the videos and 00sequences.txt into a "
    "folder and use them with --videos DIR"
)
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
    annotation = folder / ANNOTATION
    if not annotation.is_file():
        annotation = download(url + ANNOTATION, raw / ANNOTATION, way_out=WAY_OUT)
    return Source(ON_DISK, annotation, _videos_below(folder), is_demo(folder))


def from_server(url: str, *, raw: Path) -> Source:
    """The annotation and the six archives at ``url``, downloaded to ``raw`` and extracted there."""
    annotation = download(url + ANNOTATION, raw / ANNOTATION, way_out=WAY_OUT)
    folder, archives = raw / "videos", {}
    for action in ACTIONS:
        path = download(f"{url}{action}.zip", raw / f"{action}.zip", way_out=WAY_OUT)
        extract(path, folder)
        archives[path.name] = sha256_of(path)
    return Source(url, annotation, _videos_below(folder), archives=archives)


def _videos_below(folder: Path) -> dict[str, Path]:
    videos: dict[str, Path] = {}
    for path in sorted(folder.rglob("*_uncomp.avi")):
        name = path.name.removesuffix("_uncomp.avi")
        if name in videos:
            raise DataError(f"a video must be there once, got {videos[name]} and {path}")
        if NAME.fullmatch(name):
            videos[name] = path
    return videos
