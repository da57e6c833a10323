"""A study's identity: an id in ``study.json`` that stays when the study moves and tells the study from a copy."""

import os
import re
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data.bucket import SCHEMES
from tune.core.folder import UNREADABLE, Folder
from tune.core.study import Study, StudyError

STUDY_FILE = "study.json"
ID, PLACE = "id", "folder"
"""Fields of ``study.json``: the id, and the folder in which the study was last worked on."""


def identity_of(folder: Folder, facts: Mapping[str, Any]) -> dict[str, str]:
    """The id and folder to write into ``study.json``, whose facts are given; a study without an id gets one."""
    return {ID: id_in(facts) or uuid.uuid4().hex, PLACE: folder.root}


def require_no_copy(folder: Folder, facts: Mapping[str, Any]) -> None:
    """Raises StudyError where the folder is a copy: a study of the same id is in the folder that the facts name."""
    if (original := _original(folder, facts)) is not None:
        raise StudyError(
            f"study {folder.name!r} is there twice: {folder.root} is a copy of {original}. Go on in one of them and "
            f"delete the other, or make the copy a study of its own: python tune/study.py fork {folder.root}"
        )


def id_in(facts: Mapping[str, Any]) -> str:
    """The id in the facts of ``study.json``, empty for a study of an early version; raises ValueError for another."""
    study_id = facts.get(ID, "")
    if not isinstance(study_id, str) or not re.fullmatch("|[0-9a-f]{32}", study_id):
        raise ValueError(f"{ID} must be 32 hexadecimal digits, got {study_id!r:.80}")
    return study_id


def record_folder(folder: Folder) -> str:
    """Write the study's present folder into ``study.json``; its id. Raises StudyError for a copy."""
    facts = folder.read_json(STUDY_FILE)
    require_no_copy(folder, facts)
    identified = {**facts, **identity_of(folder, facts)}
    if identified != facts:
        folder.write_json(STUDY_FILE, identified)
    return identified[ID]


def fork(folder: Folder) -> str:
    """Give a copied study a new id; the folder of the original, empty where no original is found."""
    facts = folder.read_json(STUDY_FILE)
    original = _original(folder, facts) or ""
    folder.write_json(STUDY_FILE, {**facts, ID: uuid.uuid4().hex, PLACE: folder.root})
    return original


def has_studies(folder: Path) -> bool:
    """Whether the folder is a study, is inside one, or holds one."""
    places = [folder, *folder.parents, *(child for child in folder.iterdir() if child.is_dir())]
    return any((place / STUDY_FILE).exists() for place in places)


def _original(folder: Folder, facts: Mapping[str, Any]) -> str | None:
    """The recorded folder, if a study of the same id is still there and is not this folder itself."""
    place, study_id = facts.get(PLACE), id_in(facts)
    if not study_id or not isinstance(place, str) or place == folder.root or not _may_be_read(folder, place):
        return None
    try:
        recorded = Folder(place)
        other = recorded.read_json(STUDY_FILE)
        is_copy = other is not None and other.get(ID) == study_id and not _is_same(folder, recorded)
        return place if is_copy else None
    except (OSError, *UNREADABLE):  # nothing readable is there
        return None


def _is_same(folder: Folder, other: Folder) -> bool:
    """Whether both paths are one folder, through links or mounts: a file written into one appears in the other."""
    probe = f"place-{uuid.uuid4().hex}"
    folder.write(probe, b"")
    try:
        return other.has(probe)
    finally:
        folder.delete(probe)


def _may_be_read(folder: Folder, place: str) -> bool:
    """Whether the place is a path, a part of this study's bucket, or a bucket on the server that the user configured.

    A request to any other bucket would show this user's credentials to an owner that only a file names.
    """
    scheme, separator, rest = place.partition("://")
    if not separator:
        return place.startswith("/")
    same = folder.root.startswith(f"{scheme}://{rest.partition('/')[0]}/")
    return scheme in SCHEMES and not set(place) & set("@?#%") and (same or "AWS_ENDPOINT_URL" in os.environ)


OWNER = "fernn.folder"
"""The tag of MLflow's experiment and of Optuna's study that holds the study's folder."""
OWNER_ID = "fernn.study"
"""The tag that holds the study's id."""


def owner_tags(study: Study) -> dict[str, str]:
    """The tags of a view of the study, which tell whose view it is wherever the study moves."""
    return {OWNER: study.folder.root, **({OWNER_ID: study.id} if study.id else {})}


def is_view_of(study: Study, tags: Mapping[str, Any], uri: str) -> bool:
    """Whether a view with these tags, in the database at ``uri``, belongs to the study.

    A view in the study's own storage does, also in a copy of both.
    """
    if tags.get(OWNER_ID) == study.id != "" or tags.get(OWNER) == study.folder.root:
        return True
    storage = study.folder.root.rpartition("/")[0]
    return OWNER in tags and study.folder.is_local and uri.startswith(f"sqlite:///{storage}/")
