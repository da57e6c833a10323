"""What a study's folder says of its data: ``data.json``, so that a card needs the folder alone."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from data.manifest import Manifest
from data.sealing import sealed, unsealed
from tune.core.folder import UNREADABLE, Folder
from tune.core.sealing import DamagedError

FILE = "data.json"


def record_data(folder: Folder, manifest: Manifest, num_clips: Mapping[str, int]) -> None:
    """Write down the manifest of the data, and how many clips each split of the study has."""
    facts = {**asdict(manifest), "num_clips": dict(num_clips)}
    if not folder.has(FILE):
        folder.write_json(FILE, sealed(facts))


def recorded_data(folder: Folder) -> dict[str, Any] | None:
    """What was written down, None where nothing was; raises DamagedError where it is not as it was written."""
    try:
        facts = folder.read_json(FILE)
        return None if facts is None else unsealed(facts)
    except UNREADABLE as error:
        reason = "it is not as it was written; delete it, and run the search again"
        raise DamagedError(f"{folder.root}/{FILE}: {reason}") from error
