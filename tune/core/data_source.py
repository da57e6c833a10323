"""Where a study's clips are: in a folder, or in a bucket, from which this machine keeps a cached copy."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from data.bucket import at_hand, is_bucket
from data.files import full_path
from data.manifest import MANIFEST, Manifest
from data.registry import data_set
from fernn.config import DataConfig
from tune.core.console import masked
from tune.core.folder import Folder
from tune.core.sealing import read_sealed, write_sealed
from tune.core.study import Study, StudyError

FILE = "data.json"


def address_in(given: str, data: DataConfig) -> str:
    """The path or URL of the data's prepared folder; ``given`` names that folder, or the folder above it.

    Raises DataError for a URL that is no bucket's.
    """
    dataset = data_set(data.name)
    if not is_bucket(given):
        path = full_path(given)
        return str(path if (path / MANIFEST).exists() else dataset.folder_of(path, data))
    name, given = dataset.folder_of(Path(), data).name, given.rstrip("/")
    return given if given.endswith(f"/{name}") else f"{given}/{name}"


def find_data(study: Study, data: DataConfig, data_hash: str, given: str | None) -> tuple[Path, Manifest]:
    """Folder and manifest of the clips with that hash, on which cells were trained; raises StudyError or DataError.

    ``given`` is the user's ``--data``; without it the address in the study's file is used, unless that is a URL that
    names a server or user.
    """
    if not given and "://" in study.data and set(study.data) & set("@?#%"):
        raise StudyError(f"study {study.name!r} names its data as {masked(study.data)!r}: say where it is with --data")
    home = at_hand(address_in(given, data) if given else study.data)
    if not home.exists():
        raise StudyError(f"the data of study {study.name!r} is not in {home}: say where it is with --data")
    manifest = verified(home)
    if manifest.hash != data_hash:
        raise StudyError(
            f"the data in {home} has the hash {manifest.hash}, study {study.name!r} was trained on "
            f"{data_hash}: bring that back, or say where it is with --data"
        )
    return home, manifest


def verified(home: Path) -> Manifest:
    """The folder's manifest, after a check of every file's hash; raises DataError."""
    manifest = Manifest.read(home)
    manifest.verify(home)
    return manifest


def record_data(folder: Folder, manifest: Manifest, num_clips: Mapping[str, int]) -> None:
    """Write the manifest of the data and each split's number of clips into a study's folder, unless they are there."""
    if not folder.has(FILE):
        write_sealed(folder, FILE, {**asdict(manifest), "num_clips": dict(num_clips)})


def recorded_data(folder: Folder) -> dict[str, Any] | None:
    """The facts of :func:`record_data`, None where there are none; raises DamagedError for a wrong checksum."""
    return read_sealed(folder, FILE, "delete it, and run the search again", always_sealed=True)
