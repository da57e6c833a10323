"""Whose an experiment in MLflow or a study in Optuna's database is: by the id of the study, not by its path.

Those that were made before studies had ids are known by the study's folder, or where that is gone by when its cells
were trained.
"""

from collections.abc import Callable, Mapping
from typing import Any

from tune.core.folder import UNREADABLE, Folder
from tune.core.identity import FILE
from tune.core.study import Study

OWNER = "fernn.folder"
"""What the experiment in MLflow and the study in Optuna's database have the folder of their study under."""
OWNER_ID = "fernn.study"
"""What they have its id under."""


def marks_of(study: Study) -> dict[str, str]:
    """What a view of the study carries, so that it is found again wherever the study is."""
    return {OWNER: study.folder.root, **({OWNER_ID: study.id} if study.id else {})}


def is_of(study: Study, marks: Mapping[str, Any], uri: str, shows_ours: Callable[[], bool]) -> bool:
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
        return Folder(place).has(FILE)
    except (OSError, *UNREADABLE):
        return False
