"""Repair of a view's SQLite file: a damaged file is moved aside, an older one upgraded to the installed version.

Nothing is deleted: the old file stays in the same folder under a name with the time of the repair.
"""

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import optuna

from tune.services.databases import (
    DISK_FULL,
    LOCK_S,
    MLFLOW,
    SIDE_FILES,
    Package,
    ViewError,
    check_usable,
    display_name,
    first_line,
    sqlite_file,
    view_errors,
)


def repair_file(package: Package, uri: str, study: str = "") -> list[str]:
    """Repair a damaged or older SQLite file; a line for each repair. Raises ViewError where it cannot be repaired.

    ``study`` is that of :func:`tune.services.databases.check_usable`.
    """
    try:
        check_usable(package, uri, study=study, whole=True)
    except ViewError as error:
        file = sqlite_file(uri)
        if file is None or error.condition not in ("damaged", "older"):
            raise
        if error.condition == "damaged":
            return [f"{package.name}: {error}: moved to {move_aside(file, 'damaged')}, and {REPLACED}"]
        return [_upgrade_file(package, file, error)]
    return []


REPLACED = "a new one takes its place"


def move_aside(file: Path, reason: str) -> Path:
    """Rename a database and its side files; the new path, which contains the reason and the time."""
    target = unused_name(file, reason)
    for ending in SIDE_FILES:
        side_file = file.with_name(file.name + ending)
        if os.path.lexists(side_file):
            side_file.rename(target.with_name(target.name + ending))
    file.rename(target)
    return target


def unused_name(file: Path, word: str) -> Path:
    """A path in the file's folder that does not exist, with the word and the time in its name."""
    stem = f"{file.name}.{word}-{time.strftime('%Y%m%dT%H%M%S')}"
    names = [stem, *(f"{stem}-{number}" for number in range(2, 1000))]
    return next(path for name in names if not os.path.lexists(path := file.with_name(name)))


@contextmanager
def temporary(file: Path, word: str) -> Iterator[Path]:
    """The path of a new database beside the file, which is deleted at the end unless it was moved."""
    new = unused_name(file, word)
    try:
        yield new
    finally:
        for ending in ("", *SIDE_FILES):
            new.with_name(new.name + ending).unlink(missing_ok=True)


def rebuild(package: Package, file: Path, ship: Callable[[str], None]) -> Path:
    """Replace a damaged database by a new one that ``ship`` fills; the new path of the damaged one.

    Raises ViewError, and changes nothing, where the new database cannot be filled either.
    """
    try:
        with temporary(file, "renewing") as new:
            ship(f"sqlite:///{new.absolute()}")
            moved_to = move_aside(file, "damaged")
            new.rename(file)
    except ViewError as error:
        condition = "away" if error.condition == "damaged" else error.condition
        reason = error.reason.replace("is damaged", "cannot be brought up to date, nor can a new one", 1)
        raise ViewError(package, str(file), condition, reason) from error
    return moved_to


def _upgrade_file(package: Package, file: Path, error: ViewError) -> str:
    """Upgrade a copy of the database and put it in the file's place; a file that cannot be upgraded is moved aside.

    Raises ViewError where there is no room for a copy, or another program holds the database.
    """
    try:
        with temporary(file, "upgrading") as copy:
            with view_errors(package, f"sqlite:///{file}"):
                copied(file, copy)
            address = f"sqlite:///{copy.absolute()}"
            upgrade(package, address)
            check_usable(package, address, whole=True)
            moved_to = move_aside(file, "older")
            copy.rename(file)
    except (ViewError, RuntimeError) as failure:
        if isinstance(failure, ViewError) and failure.condition not in ("damaged", "older", "newer"):
            raise
        return f"{package.name}: {error}: {failure}; moved to {move_aside(file, 'older')}, and {REPLACED}"
    return f"{package.name}: {error}: brought to this version, the file of before is {moved_to}"


def copied(file: Path, copy: Path) -> None:
    """Copy a database through SQLite, with the content of its log."""
    with closing(sqlite3.connect(file, timeout=LOCK_S)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)


def upgrade(package: Package, uri: str) -> None:
    """Upgrade a database's schema to the installed version.

    Raises RuntimeError where the package fails, ViewError where the disk is full.
    """
    try:
        if package is MLFLOW:
            command = [sys.executable, "-m", "mlflow", "db", "upgrade", uri]
            done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
            if done.returncode != 0:
                raise RuntimeError((done.stderr.splitlines() or [""])[-1][:200])
        else:
            optuna.storages.RDBStorage(uri, skip_compatibility_check=True).upgrade()
    except Exception as error:
        reason = first_line(error)
        if "disk is full" in reason or "No space left" in reason:
            raise ViewError(package, display_name(uri), "full", DISK_FULL) from error
        raise RuntimeError(f"{package.name} could not upgrade it ({reason})") from error
