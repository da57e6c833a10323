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


def _kth_demo(out: Path, size: int) -> Manifest:
    """Rendered videos in KTH's own format, decoded and annotated as the real ones are."""
    videos = out / "videos"
    demo.render(videos)
    return prepare.prepare(out, videos=videos, size=size)


DATASETS = {"kth": DataSet(prepare.prepare, _kth_demo, prepare.folder_of)}
