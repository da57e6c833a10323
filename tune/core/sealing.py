"""Sealed files: JSON with a checksum, which tells whether a file is as it was written."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from data.files import CHECKSUM, sealed, unsealed
from fernn.files.checkpoint import CheckpointError, Tensors, unpack
from tune.core.folder import UNREADABLE, Folder


class DamagedError(ValueError):
    """A file of a study or a cell that is not as it was written."""


def damaged(folder: Folder, name: str, way_out: str, how: str = "it is not as it was written") -> DamagedError:
    """A DamagedError with the file, its fault and the way out."""
    return DamagedError(f"{folder.root}/{name}: {how}; {way_out}")


def write_sealed(folder: Folder, name: str, facts: Mapping[str, Any]) -> None:
    """Write the facts as JSON with their checksum."""
    folder.write_json(name, sealed(facts))


def read_sealed(
    folder: Folder, name: str, way_out: str, *needed: str, always_sealed: bool = False
) -> dict[str, Any] | None:
    """The facts of a sealed file, None where there is no such file.

    Unless ``always_sealed``, a file without a checksum is of an earlier version and is not checked. Raises DamagedError
    for a wrong checksum, or where one of the ``needed`` names is missing.
    """
    try:
        facts = folder.read_json(name)
        if facts is None:
            return None
        facts = unsealed(facts) if always_sealed or CHECKSUM in facts else {**facts}
        if missing := set(needed) - facts.keys():
            raise KeyError(*missing)
    except UNREADABLE as error:
        raise damaged(folder, name, way_out) from error
    return facts


def read_tensors(folder: Folder, name: str, way_out: str) -> tuple[Tensors, dict[str, Any]]:
    """The tensors and facts of a checkpoint, both empty where there is no such file; raises DamagedError."""
    content = folder.read(name)
    try:
        return ({}, {}) if content is None else unpack(content)
    except CheckpointError as error:
        raise damaged(folder, name, way_out, str(error)) from error


def sealed_line(row: Mapping[str, Any]) -> str:
    """The row as a line with its checksum."""
    return json.dumps(sealed(row)) + "\n"


def read_rows(folder: Folder, name: str, way_out: str) -> list[dict[str, Any]]:
    """The rows of a file of sealed lines; raises DamagedError for a line with a wrong checksum."""
    rows, num_lines = rows_before_damage(folder, name)
    if len(rows) < num_lines:
        raise damaged(folder, name, way_out, f"line {len(rows) + 1} is not as it was written")
    return rows


def rows_before_damage(folder: Folder, name: str) -> tuple[list[dict[str, Any]], int]:
    """The rows before the first damaged line, and the number of lines."""
    lines = (folder.read(name) or b"").splitlines()
    rows: list[dict[str, Any]] = []
    for line in lines:
        try:
            rows.append(unsealed(json.loads(line)))
        except UNREADABLE:
            break
    return rows, len(lines)


ENTRIES = "entries"
"""The field of a sealed file that holds its list."""


def read_entries(
    folder: Folder, name: str, parsed: Callable[[Any], dict[str, Any]], way_out: str
) -> list[dict[str, Any]]:
    """The entries of a sealed list, each parsed by ``parsed``; raises DamagedError for an unreadable entry."""
    try:
        content = folder.read_json(name) or []  # a bare list in cells of an earlier version
        if isinstance(content, dict):
            content = (unsealed(content) if CHECKSUM in content else content)[ENTRIES]
        return [parsed(entry) for entry in content]
    except UNREADABLE as error:
        raise damaged(folder, name, way_out) from error
