"""Files of a study that say whether they are as they were written."""

from collections.abc import Mapping
from typing import Any

from data.sealing import CHECKSUM, sealed, unsealed
from fernn.files.checkpoint import CheckpointError, Tensors, unpack
from tune.core.folder import UNREADABLE, Folder

ALTERED = "it is not as it was written"


class DamagedError(ValueError):
    """A file of a study or a cell that is not as it was written."""


def damaged(folder: Folder, name: str, how: str, way_out: str) -> DamagedError:
    """The error that names the file, what is wrong with it, and the way out."""
    return DamagedError(f"{folder.root}/{name}: {how}; {way_out}")


def write_sealed(folder: Folder, name: str, facts: Mapping[str, Any]) -> None:
    """Write the facts as JSON with their checksum."""
    folder.write_json(name, sealed(facts))


def read_sealed(folder: Folder, name: str, way_out: str, *needed: str) -> dict[str, Any] | None:
    """What :func:`write_sealed` wrote, None where there is no such file.

    A file of an earlier version has no checksum, and is taken as it is. Raises DamagedError where the facts are not
    those that were written, or lack one that is needed.
    """
    try:
        facts = folder.read_json(name)
        if facts is None:
            return None
        facts = unsealed(facts) if CHECKSUM in facts else {**facts}
        if all(one in facts for one in needed):
            return facts
    except UNREADABLE as error:
        raise damaged(folder, name, ALTERED, way_out) from error
    raise damaged(folder, name, ALTERED, way_out)


def read_tensors(folder: Folder, name: str, way_out: str) -> tuple[Tensors, dict[str, Any]]:
    """The tensors and facts of a checkpoint's file, none where there is no such file; raises DamagedError."""
    content = folder.read(name)
    try:
        return ({}, {}) if content is None else unpack(content)
    except CheckpointError as error:
        raise damaged(folder, name, str(error), way_out) from error
