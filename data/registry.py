"""Data sets by name: how each is brought to disk and read, and how its demo is made."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from data.convection import made as made_convection
from data.convection import prepare as convection
from data.errors import DataError
from data.fields.schema import breaks_of
from data.fields.stream import read_fields
from data.fields.windows import windows
from data.kth import demo as kth_demo
from data.kth import prepare as kth
from data.kth.stream import read_footage
from data.manifest import Manifest
from data.mnist import demo as mnist_demo
from data.mnist import prepare as mnist
from data.mnist.known import stand_in_of
from data.mnist.stream import read_digits
from data.ocean import demo as ocean_demo
from data.ocean import prepare as ocean
from data.physics101 import demo as ramp_demo
from data.physics101 import prepare as ramp
from data.physics101.stream import read_clips
from data.stream import Corpus
from data.systems import prepare as systems
from data.systems.stream import read_trajectories
from data.video import standard
from data.video.kth import read_videos
from fernn.config import DataConfig


@dataclass(frozen=True)
class DataSet:
    """How to get a data set ready in a folder; preparing does nothing where it is ready."""

    folder: str
    """Its folder's name, which data sets share that are made of the same files."""
    prepare: Callable[[Path, DataConfig, Path | None], Manifest]
    """Into a folder, for a config, from files on disk or, without them, from a download."""
    prepare_demo: Callable[[Path, DataConfig], Manifest]
    folder_of: Callable[[Path, DataConfig], Path]
    """Where in the folder the data of a config is."""
    num_clips: Callable[[DataConfig, Manifest | None, bool], Mapping[str, int]]
    """How many clips each split has, by the manifest or, without one, of all the data or of its demo."""
    read: Callable[[Path, Manifest], Corpus]
    has_sizes: bool = False
    """Whether data of every size is prepared by itself."""
    demo_may_be_real: bool = False
    """Whether the demo takes the real data where that is on disk."""
    require_same: Callable[[Path, Manifest, Path], None] = lambda folder, manifest, files: None
    """Raise DataError where files on disk are known to hold other data than what is prepared in a folder."""
    is_generated: bool = False
    """Whether the config alone decides the data, so that it is a demo where a demo asks for it, whoever asked first."""
    download: str = ""
    """What is downloaded where no files are given, in words; empty where they must be given, or are generated."""


def _kth_demo(out: Path, data: DataConfig) -> Manifest:
    """Rendered videos in KTH's own format, decoded and annotated as the real ones are."""
    videos = out / "videos"
    kth_demo.render(videos)
    return kth.prepare(out, videos=videos, size=data.size)


def _kth_clips(data: Any, manifest: Manifest | None, is_demo: bool) -> Mapping[str, int]:
    if manifest is not None:
        return manifest.clips[data.split]
    return kth_demo.num_clips()[data.split] if is_demo else KTH_CLIPS[data.split]


def _sequences(data: Any, manifest: Manifest | None, is_demo: bool) -> Mapping[str, int]:
    return dict(zip(("train", "validation", "test"), data.num_sequences, strict=True))


def _video_clips(data: Any, manifest: Manifest | None, is_demo: bool) -> Mapping[str, int]:
    """The most that the config allows: how many windows there are is known when they are cut."""
    return dict(zip(("train", "validation", "test"), data.num_clips, strict=True))


def _moving(out: Path, data: DataConfig, files: Path | None) -> Manifest:
    """MNIST's digits, and beside them the standard test clips where the protocol has them."""
    return standard.prepare(out, files=files) if data.protocol == "published" else mnist.prepare(out, files=files)


def _moving_demo(out: Path, data: DataConfig) -> Manifest:
    if data.protocol == "published":
        raise DataError("data.protocol published goes with MNIST itself: give --files DIR, or drop --protocol")
    return mnist_demo.prepare(out)


def _moving_folder(out: Path, data: DataConfig) -> Path:
    return standard.folder_of(out) if data.protocol == "published" else mnist.folder_of(out)


def _windows(data: Any, manifest: Manifest | None, is_demo: bool) -> Mapping[str, int]:
    """By the tiles' lengths; without them, the most that the config allows."""
    if manifest is None:
        train, validation, test, domain = data.num_clips
        return {"train": train, "validation": validation, "test": test + (domain if data.domain else 0)}
    return _split_windows(manifest.clips["tiles"], data, breaks_of(manifest))


def _split_windows(
    lengths: Mapping[str, int], data: Any, breaks: Mapping[str, Sequence[int]] = MappingProxyType({})
) -> Mapping[str, int]:
    found = {split: len(mine) for split, mine in windows(lengths, data, breaks).items()}
    return {"train": found["train"], "validation": found["validation"], "test": found["test"] + found["domain"]}


def _convection_demo(out: Path, data: DataConfig) -> Manifest:
    raise DataError("a demo has no published fields: leave data.name made-convection")


def _made_windows(data: Any, manifest: Manifest | None, is_demo: bool) -> Mapping[str, int]:
    """By the config: how many fields there will be is known before."""
    lengths = {f"{made_convection.REGION}/0/{square}": data.num_fields for square in range(data.squares)}
    return _split_windows(lengths, data)


def _trajectories(data: Any, manifest: Manifest | None, is_demo: bool) -> Mapping[str, int]:
    train, validation, test = data.num_sequences
    return {"train": train * data.passes, "validation": validation, "test": test}


def _ramp_demo(out: Path, data: Any) -> Manifest:
    """Rendered videos in the folder layout of Physics 101, decoded and cut as the real ones are."""
    ramp_demo.render(out / "videos")
    return ramp.prepare(out, data, out / "videos")


def _ramp_clips(data: Any, manifest: Manifest | None, is_demo: bool) -> Mapping[str, int]:
    if manifest is not None:
        return ramp.num_clips(data, manifest)
    return ramp_demo.num_clips(data) if is_demo else ramp.PUBLISHED_CLIPS


KTH_CLIPS = {
    "paper": {"train": 1517, "validation": 380, "test": 473},
    "official": {"train": 754, "validation": 758, "test": 858},
}
"""Annotated ranges of at least 32 frames in KTH's 599 videos."""

KTH = DataSet(
    "kth", lambda out, data, files: kth.prepare(out, videos=files, size=data.size), _kth_demo,
    lambda out, data: kth.folder_of(out, data.size), _kth_clips, read_footage,
    has_sizes=True, download="KTH's videos (1.15 GB)",
)  # fmt: skip
MNIST = DataSet(
    "mnist", lambda out, data, files: mnist.prepare(out, files=files), lambda out, data: mnist_demo.prepare(out),
    lambda out, data: mnist.folder_of(out), _sequences, read_digits,
    demo_may_be_real=True, require_same=mnist.require_same, download="MNIST's four files (12 MB)",
)  # fmt: skip
MOVING = DataSet(
    "mnist", _moving, _moving_demo, _moving_folder, _video_clips, standard.read_moving,
    demo_may_be_real=True, require_same=standard.require_same, download="MNIST's four files (12 MB)",
)  # fmt: skip
KTH_VIDEO = replace(KTH, num_clips=_video_clips, read=read_videos)
OCEAN = DataSet(
    "ocean", lambda out, data, files: ocean.prepare(out, files=files, size=data.size),
    lambda out, data: ocean_demo.prepare(out, data.size), lambda out, data: ocean.folder_of(out, data.size),
    _windows, read_fields,
    has_sizes=True, require_same=ocean.require_same,
)  # fmt: skip
CONVECTION = DataSet(
    "convection", lambda out, data, files: convection.prepare(out, files=files, size=data.size), _convection_demo,
    lambda out, data: convection.folder_of(out, data.size), _windows, read_fields,
    has_sizes=True, require_same=convection.require_same,
)  # fmt: skip
MADE_CONVECTION = DataSet(
    "made-convection", made_convection.prepare, lambda out, data: made_convection.prepare(out, data, demo=True),
    made_convection.folder_of, _made_windows, read_fields,
    is_generated=True,
)  # fmt: skip
RAMP = DataSet(
    "physics101", ramp.prepare, _ramp_demo, ramp.folder_of, _ramp_clips, read_clips,
    has_sizes=True, download="the archive of Physics 101",
)  # fmt: skip
SYSTEMS = DataSet(
    "systems", systems.prepare, lambda out, data: systems.prepare(out, data, demo=True), systems.folder_of,
    _trajectories, read_trajectories,
    is_generated=True,
)  # fmt: skip
DATASETS = {
    "kth": KTH, "translating-mnist": MNIST, "rotating-mnist": MNIST, "moving-mnist": MOVING, "kth-video": KTH_VIDEO,
    "ocean": OCEAN, "convection": CONVECTION, "made-convection": MADE_CONVECTION,
    "physics101": RAMP, "ideal-pendulum": SYSTEMS, "ideal-spring": SYSTEMS,
}  # fmt: skip


def stand_in(manifest: Manifest) -> str:
    """What prepared data is where it is not the data set that it is named for, as "Fashion-MNIST, not MNIST"."""
    if manifest.dataset in (mnist.DATASET, standard.DATASET):
        return stand_in_of(manifest)
    return str(manifest.details.get("stand_in", ""))


def read_corpus(data: DataConfig, home: Path, manifest: Manifest) -> Corpus:
    """The prepared data in memory."""
    return DATASETS[data.name].read(home, manifest)
