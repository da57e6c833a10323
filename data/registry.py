"""Data sets by name: how each is brought to disk, and how its demo is made."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from data.kth import demo, prepare
from data.manifest import Manifest


@dataclass(frozen=True)
class DataSet:
    """How to get a data set ready in a folder; both do nothing where it is ready."""

    prepare: Callable[..., Manifest]
    prepare_demo: Callable[[Path, int], Manifest]
    folder_of: Callable[[Path, int], Path]
    num_clips: Callable[[bool], dict[str, dict[str, int]]]
    """How many clips each split has when nothing is missing, of the data or of its demo."""


def _kth_demo(out: Path, size: int) -> Manifest:
    """Rendered videos in KTH's own format, decoded and annotated as the real ones are."""
    videos = out / "videos"
    demo.render(videos)
    return prepare.prepare(out, videos=videos, size=size)


def _kth_clips(is_demo: bool) -> dict[str, dict[str, int]]:
    return demo.num_clips() if is_demo else KTH_CLIPS


KTH_CLIPS = {
    "paper": {"train": 1517, "validation": 380, "test": 473},
    "official": {"train": 754, "validation": 758, "test": 858},
}
"""Annotated ranges of at least 32 frames in KTH's 599 videos."""

DATASETS = {"kth": DataSet(prepare.prepare, _kth_demo, prepare.folder_of, _kth_clips)}
