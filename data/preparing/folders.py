"""Folders of prepared data: made once, by one process at a time, whole or not at all."""

import contextlib
import hashlib
import json
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from data.errors import DataError, ManifestError
from data.files import atomic_folder, locked, replacing, room_in, write_atomically
from data.manifest import Manifest
from data.terminal import progress, say
from fernn.config import DataConfig

T = TypeVar("T")
DEMO_MARK = "demo.json"
"""A file beside videos, or above them, that says they are rendered, and what they depend on."""


def ready_or_made(
    folder: Path, dataset: str, make: Callable[[], Manifest], check: Callable[[Manifest], None] = lambda ready: None
) -> Manifest:
    """The manifest of the folder, which ``make`` fills unless it is ready; ``check`` raises where it is not as asked.

    Raises DataError where the folder holds another data set. A second process waits for the first.
    """
    with alone_in(folder.parent):
        ready = ready_in(folder, dataset)
        if ready is None:
            return make()
        check(ready)
        return ready


@contextlib.contextmanager
def alone_in(home: Path) -> Iterator[None]:
    """Hold the lock of the folder, and turn "no room to write" into one clear error."""
    with room_in(home), locked(home / ".lock", lambda: say(f"another process prepares {home}, waiting for it")):
        yield


def ready_in(folder: Path, dataset: str = "", doing: str = "making") -> Manifest | None:
    """The manifest of a folder that is ready; None for one that is not there, or is damaged, which a line says.

    Raises DataError where it holds another data set than the one named.
    """
    if not folder.exists():
        return None
    try:
        manifest = Manifest.read(folder).verify(folder)
    except ManifestError as error:
        say(f"{doing} {folder} again: {error}")
        return None
    if dataset and manifest.dataset != dataset:  # made and real data never replace each other
        raise DataError(f"{folder} holds {manifest.dataset}, asked for is {dataset}: choose another output folder")
    return manifest


def write_folder(folder: Path, fill: Callable[[Path], Manifest]) -> Manifest:
    """Write a folder, whole or not at all: ``fill`` writes its files, and the manifest that it gives comes last."""
    with atomic_folder(folder) as temporary:
        manifest = fill(temporary)
        manifest.write(temporary)
    return manifest


def dataset_of(name: str, videos: Path | None) -> str:
    """What clips of the videos in a folder are called: by the data set's name, or as its demo where they are marked."""
    return f"{name}-demo" if videos is not None and any(videos.rglob(DEMO_MARK)) else name


def render_videos(
    folder: Path, pattern: str, facts: Mapping[str, Any], videos: Mapping[Path, T], write: Callable[[Path, T], None]
) -> None:
    """Write every video to its path in the folder, which is marked with the facts, unless that is done already.

    The ``pattern`` finds videos in it. Raises DataError where there are some without a mark; those of other facts are
    replaced. The caller holds the lock.
    """
    mark, text = folder / DEMO_MARK, json.dumps(facts, indent=2) + "\n"
    there = list(folder.glob(pattern))
    if there and not mark.exists():
        raise DataError(f"{folder} holds videos that are not rendered: choose another folder")
    if mark.exists() and mark.read_text(encoding="utf-8") == text and all(path.exists() for path in videos):
        return
    for stale in there:
        stale.unlink()
    write_atomically(mark, text)
    with progress("rendering", len(videos), "videos") as advance:
        for path, video in videos.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as temporary:
                write(temporary, video)
            advance(1)


def deciding(data: DataConfig, names: Sequence[str]) -> tuple[str, str]:
    """The fields of a config that generated data depends on, as JSON, and the SHA-256 of that."""
    text = json.dumps({name: getattr(data, name) for name in names})
    return text, hashlib.sha256(text.encode()).hexdigest()


def versions_of(libraries: Sequence[str]) -> dict[str, str]:
    """The versions of Python and of the libraries that data is prepared with."""
    return {"python": platform.python_version()} | {name: version(name) for name in libraries}
