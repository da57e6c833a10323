"""Folders of prepared data: made once, by one process at a time, whole or not at all."""

import contextlib
import platform
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

from data.errors import DataError, ManifestError
from data.files import atomic_folder, locked, room_in
from data.manifest import Manifest
from data.terminal import say


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
        manifest = Manifest.read(folder)
        manifest.verify(folder)
    except ManifestError as error:
        say(f"{doing} {folder} again: {error}")
        return None
    if dataset:
        require_dataset(folder, manifest, dataset)
    return manifest


def require_dataset(folder: Path, manifest: Manifest, dataset: str) -> None:
    """Raise DataError where the folder holds another data set: made and real data never replace each other."""
    if manifest.dataset != dataset:
        raise DataError(f"{folder} holds {manifest.dataset}, asked for is {dataset}: choose another output folder")


def write_folder(folder: Path, fill: Callable[[Path], Manifest]) -> Manifest:
    """Write a folder, whole or not at all: ``fill`` writes its files, and the manifest that it gives comes last."""
    with atomic_folder(folder) as temporary:
        manifest = fill(temporary)
        manifest.write(temporary)
    return manifest


def versions_of(libraries: Sequence[str]) -> dict[str, str]:
    """The versions of Python and of the libraries that data is prepared with."""
    return {"python": platform.python_version()} | {name: version(name) for name in libraries}
