"""Where a study's clips are: in a folder, or in a bucket from which this machine's cache has them."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from data.bucket import at_hand, is_bucket
from data.files import full_path
from data.manifest import MANIFEST, Manifest
from data.registry import DATASETS
from data.sealing import sealed, unsealed
from fernn.config import DataConfig
from tune.core.console import masked
from tune.core.folder import UNREADABLE, Folder
from tune.core.sealing import DamagedError
from tune.core.study import Study, StudyError


def address_in(given: str, data: DataConfig) -> str:
    """The prepared folder for the data's config in what a user names: that folder itself, or the one above it.

    Raises DataError for a URL that is no bucket's.
    """
    dataset = DATASETS[data.name]
    if not is_bucket(given):
        path = full_path(given)
        return str(path if (path / MANIFEST).exists() else dataset.folder_of(path, data))
    name, given = dataset.folder_of(Path(), data).name, given.rstrip("/")
    return given if given.endswith(f"/{name}") else f"{given}/{name}"


def find_data(study: Study, data: DataConfig, data_hash: str, given: str | None) -> tuple[Path, Manifest]:
    """Folder and manifest of the very clips that cells were trained on; raises StudyError or DataError."""
    home = at_hand(address_in(given, data) if given else _recorded(study))
    if not home.exists():
        raise StudyError(f"the data of study {study.name!r} is not in {home}: say where it is with --data")
    manifest = verified(home)
    if manifest.hash != data_hash:
        raise StudyError(
            f"the data in {home} has the hash {manifest.hash}, study {study.name!r} was trained on "
            f"{data_hash}: bring that back, or say where it is with --data"
        )
    return home, manifest


def _recorded(study: Study) -> str:
    """The address that the study's file has; raises StudyError for a URL that would say which server, or as whom."""
    if "://" in study.data and set(study.data) & set("@?#%"):
        raise StudyError(f"study {study.name!r} names its data as {masked(study.data)!r}: say where it is with --data")
    return study.data


def verified(home: Path) -> Manifest:
    """The manifest of the folder, whose files it has checked; raises DataError."""
    manifest = Manifest.read(home)
    manifest.verify(home)
    return manifest


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
