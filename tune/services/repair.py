"""Repair of a view's SQLite file: a damaged file is replaced by a new one, one of an older version is upgraded.

Nothing is deleted: the old file stays in the same folder under a name with the time of the repair.
"""

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import optuna
from mlflow.store.db.utils import _upgrade_db
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from data.terminal import say
from tune.core.console import masked
from tune.core.protocol import known_studies
from tune.core.study import Study
from tune.services.databases import (
    LOCK_S,
    MLFLOW,
    Package,
    ViewError,
    check_usable,
    first_line,
    sqlite_file,
    view_error,
    view_errors,
)

SIDE_FILES = ("-wal", "-shm", "-journal")
"""Endings of the files that SQLite keeps beside a database."""


def ship_repaired(package: Package, uri: str, study: Study, ship: Callable[[str], None]) -> None:
    """Ship to a study's view after a repair of its SQLite file where that is needed, and print what was repaired.

    A file of an older version is upgraded. A damaged file, even where the damage shows only while shipping, and an
    older one that cannot be upgraded are replaced by a new one, if shipping to that succeeds. Raises ViewError where
    the view is still behind.
    """
    with view_errors(package, uri):
        try:
            check_or_upgrade(package, uri, study)
            ship(uri)
        except ViewError as error:
            if error.condition not in ("damaged", "older") or (file := sqlite_file(uri)) is None:
                raise
            moved_to = rebuild(package, file, error.condition, ship)
            say(masked(f"{package.name}: {error}: moved to {moved_to}, and a new one takes its place"))
            _say_other_studies(package, uri, study)


def _say_other_studies(package: Package, uri: str, study: Study) -> None:
    """Name the other studies of the storage, which the new database does not have."""
    storage = study.folder.root.rpartition("/")[0]
    others = [name for name in known_studies(storage) if name != study.name]
    if others and f"{storage}/" in uri:
        say(f"{package.name}: other studies come back with python tune/sync.py each: {', '.join(others)}")


def rebuild(package: Package, file: Path, word: str, ship: Callable[[str], None]) -> Path:
    """Replace a database by a new one that ``ship`` fills; the old one's new path, with the word in its name.

    Raises ViewError, and changes nothing, where the new database cannot be filled either.
    """
    try:
        return replace_file(file, word, lambda new: ship(f"sqlite:///{new.absolute()}"))
    except ViewError as error:
        condition = "away" if error.condition == "damaged" else error.condition
        reason = error.reason.replace("is damaged", "cannot be brought up to date, nor can a new one", 1)
        raise ViewError(package, str(file), condition, reason) from error


def check_or_upgrade(package: Package, uri: str, study: Study) -> None:
    """Raises ViewError where the view's database cannot be used; a SQLite file of an older version is upgraded."""
    try:
        check_usable(package, uri, study=study.folder.root, whole=True)
    except ViewError as error:
        if error.condition != "older" or (file := sqlite_file(uri)) is None:
            raise
        moved_to = upgrade_file(package, file, error)
        say(masked(f"{package.name}: {error}: brought to this version, the file of before is {moved_to}"))


def upgrade_file(package: Package, file: Path, error: ViewError) -> Path:
    """Put an upgraded copy in the file's place; the new path of the older file.

    Raises ViewError where there is no room for a copy, another program holds the database, or it cannot be upgraded.
    """

    def fill(copy: Path) -> None:
        uri = f"sqlite:///{copy.absolute()}"
        copied(file, copy)
        if package is MLFLOW:
            _upgrade_db(create_engine(uri, poolclass=NullPool))
        else:
            optuna.storages.RDBStorage(uri, skip_compatibility_check=True).upgrade()
        check_usable(package, uri, whole=True)

    try:
        return replace_file(file, "older", fill)
    except Exception as failure:
        cause = view_error(package, f"sqlite:///{file}", failure)
        if cause.condition in ("full", "locked"):
            raise cause from failure
        reason = f"{error.reason}: could not be upgraded ({first_line(failure)})"
        raise ViewError(package, str(file), "older", reason) from failure


def replace_file(file: Path, word: str, fill: Callable[[Path], None]) -> Path:
    """Put a database that ``fill`` makes at another path in the file's place; the old file's new path.

    That has the word and the time in its name, as those of the side files. Where ``fill`` fails, nothing changes.
    """
    new, old = unused_name(file, "renewing"), unused_name(file, word)
    try:
        fill(new)
        for ending in (*SIDE_FILES, ""):
            part = file.with_name(file.name + ending)
            if os.path.lexists(part):
                part.rename(old.with_name(old.name + ending))
        new.rename(file)
    finally:
        for ending in ("", *SIDE_FILES):
            new.with_name(new.name + ending).unlink(missing_ok=True)
    return old


def unused_name(file: Path, word: str) -> Path:
    """A path in the file's folder that does not exist, with the word and the time in its name."""
    stem = f"{file.name}.{word}-{time.strftime('%Y%m%dT%H%M%S')}"
    names = [stem, *(f"{stem}-{number}" for number in range(2, 1000))]
    return next(path for name in names if not os.path.lexists(path := file.with_name(name)))


def copied(file: Path, copy: Path) -> None:
    """Copy a database through SQLite, with the content of its log."""
    with closing(sqlite3.connect(file, timeout=LOCK_S)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
