"""Which study a folder holds: an id in ``study.json`` that stays when the study moves, and tells a copy from it."""

import os
import re
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data.bucket import SCHEMES
from tune.core.folder import UNREADABLE, Folder
from tune.core.study import StudyError

FILE = "study.json"
ID, PLACE = "id", "folder"
"""What ``study.json`` has the id under, and the folder in which it was last worked on."""

HEXADECIMAL = re.compile("[0-9a-f]{32}")


def identified(folder: Folder, known: Mapping[str, Any]) -> dict[str, str]:
    """The id and the folder that ``study.json`` is to have, given what it says.

    Raises StudyError where the study is a copy: where it was last worked on, a study of the same id stands too.
    """
    require_no_copy(folder, known)
    return {ID: id_in(known) or uuid.uuid4().hex, PLACE: folder.root}


def require_no_copy(folder: Folder, known: Mapping[str, Any]) -> None:
    """Raises StudyError where a study of the same id stands at the place that is known of it."""
    if (original := _original(folder, known)) is not None:
        raise StudyError(
            f"study {folder.name!r} is there twice: {folder.root} is a copy of {original}. Go on in one of them and "
            f"delete the other, or make the copy a study of its own: python tune/study.py fork {folder.root}"
        )


def id_in(facts: Mapping[str, Any]) -> str:
    """The id that ``study.json`` says, empty for a study from before there were any; raises ValueError for no id."""
    found = facts.get(ID, "")
    if not isinstance(found, str) or not (found == "" or HEXADECIMAL.fullmatch(found)):
        raise ValueError(f"{ID} must be 32 hexadecimal digits, got {found!r:.80}")
    return found


def settle(folder: Folder) -> str:
    """Write down where the study is now; its id. Raises StudyError for a copy, as :func:`identified` does."""
    known = folder.read_json(FILE)
    marks = identified(folder, known)
    if {**known, **marks} != known:
        folder.write_json(FILE, {**known, **marks})
    return marks[ID]


def fork(folder: Folder) -> str:
    """Give a copied study an id of its own; the folder of which it was a copy, empty where that is not there."""
    known = folder.read_json(FILE)
    original = _original(folder, known) or ""
    folder.write_json(FILE, {**known, ID: uuid.uuid4().hex, PLACE: folder.root})
    return original


def has_studies(folder: Path) -> bool:
    """Whether the folder is a study, is inside one, or has studies in it."""
    places = [folder, *folder.parents, *(child for child in folder.iterdir() if child.is_dir())]
    return any((place / FILE).exists() for place in places)


def _original(folder: Folder, known: Mapping[str, Any]) -> str | None:
    """Where the study was last worked on, if a study of the same id is still there and is not this folder."""
    place, own = known.get(PLACE), id_in(known)
    if not own or not isinstance(place, str) or place == folder.root or not _may_be_looked_at(folder, place):
        return None
    try:
        there = Folder(place)
        facts = there.read_json(FILE)
        is_another = facts is not None and facts.get(ID) == own and not _is_same(folder, there)
        return place if is_another else None
    except (OSError, *UNREADABLE):  # nothing that can be read is there
        return None


def _is_same(folder: Folder, there: Folder) -> bool:
    """Whether both are one folder, which links and mounts show at two places: a file put into one is in the other."""
    probe = f"place-{uuid.uuid4().hex}"
    folder.write(probe, b"")
    try:
        return there.has(probe)
    finally:
        folder.delete(probe)


def _may_be_looked_at(folder: Folder, place: str) -> bool:
    """Whether it is a path, or in a bucket of this study's or of a server that the user's environment names.

    No name in a file makes this user known to the owner of another bucket.
    """
    scheme, separator, rest = place.partition("://")
    if not separator:
        return place.startswith("/")
    same = folder.root.startswith(f"{scheme}://{rest.partition('/')[0]}/")
    return scheme in SCHEMES and not set(place) & set("@?#%") and (same or "AWS_ENDPOINT_URL" in os.environ)
