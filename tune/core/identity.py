"""Which study a folder holds: an id in ``study.json`` that stays when the study moves, and tells a copy from it."""

import os
import re
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from data.bucket import SCHEMES
from tune.core.folder import UNREADABLE, Folder
from tune.core.study import Study, StudyError

STUDY_FILE = "study.json"
ID, PLACE = "id", "folder"
"""What ``study.json`` has the id under, and the folder in which it was last worked on."""

HEXADECIMAL = re.compile("[0-9a-f]{32}")


def identity_of(folder: Folder, known: Mapping[str, Any]) -> dict[str, str]:
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


def record_folder(folder: Folder) -> str:
    """Write down where the study is now; its id. Raises StudyError for a copy, as :func:`identity_of` does."""
    known = folder.read_json(STUDY_FILE)
    marks = identity_of(folder, known)
    if {**known, **marks} != known:
        folder.write_json(STUDY_FILE, {**known, **marks})
    return marks[ID]


def fork(folder: Folder) -> str:
    """Give a copied study an id of its own; the folder of which it was a copy, empty where that is not there."""
    known = folder.read_json(STUDY_FILE)
    original = _original(folder, known) or ""
    folder.write_json(STUDY_FILE, {**known, ID: uuid.uuid4().hex, PLACE: folder.root})
    return original


def has_studies(folder: Path) -> bool:
    """Whether the folder is a study, is inside one, or has studies in it."""
    places = [folder, *folder.parents, *(child for child in folder.iterdir() if child.is_dir())]
    return any((place / STUDY_FILE).exists() for place in places)


def _original(folder: Folder, known: Mapping[str, Any]) -> str | None:
    """Where the study was last worked on, if a study of the same id is still there and is not this folder."""
    place, own = known.get(PLACE), id_in(known)
    if not own or not isinstance(place, str) or place == folder.root or not _may_be_looked_at(folder, place):
        return None
    try:
        there = Folder(place)
        facts = there.read_json(STUDY_FILE)
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


OWNER = "fernn.folder"
"""What the experiment in MLflow and the study in Optuna's database have the folder of their study under."""
OWNER_ID = "fernn.study"
"""What they have its id under."""


def owner_tags(study: Study) -> dict[str, str]:
    """What a view of the study carries, so that it is found again wherever the study is."""
    return {OWNER: study.folder.root, **({OWNER_ID: study.id} if study.id else {})}


def is_view_of(study: Study, marks: Mapping[str, Any], uri: str, shows_ours: Callable[[], bool]) -> bool:
    """Whether a view with these marks, in the database at ``uri``, is the study's.

    ``shows_ours`` finds out whether it shows the training of this folder, and not the same cells' of another.
    A database inside the storage belongs to the studies there: what it has under a study's name is that study's, also
    in a copy of both.
    """
    if marks.get(OWNER_ID) == study.id != "" or marks.get(OWNER) == study.folder.root:
        return True
    if OWNER in marks and is_beside(study, uri):
        return True
    was_moved = OWNER_ID not in marks and OWNER in marks and not _holds_a_study(str(marks[OWNER]))
    return was_moved and shows_ours()


def is_beside(study: Study, uri: str) -> bool:
    """Whether the database is a file in the study's storage."""
    return study.folder.is_local and uri.startswith(f"sqlite:///{study.folder.root.rpartition('/')[0]}/")


def _holds_a_study(place: str) -> bool:
    """Whether there is a study, or may be one that is not looked for."""
    if not place.startswith("/"):
        return True
    try:
        return Folder(place).has(STUDY_FILE)
    except (OSError, *UNREADABLE):
        return False
