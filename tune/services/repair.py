"""A view's SQLite file brought into a state in which it can be written: moved aside, or brought to this version.

Nothing is deleted: what was there stays beside it under a name that says when it was moved.
"""

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import optuna

from tune.services.databases import (
    BESIDE,
    LOCK_S,
    MLFLOW,
    Package,
    ViewError,
    check_usable,
    display_name,
    first_line,
    sqlite_file,
    view_errors,
)


def repair_file(package: Package, uri: str, study: str = "") -> list[str]:
    """What was done to a damaged or older SQLite file, a line each; raises BehindError where it cannot be used yet.

    ``study`` is as in :func:`tune.services.databases.check_usable`.
    """
    try:
        check_usable(package, uri, study=study, whole=True)
    except ViewError as error:
        file = sqlite_file(uri)
        if file is None or error.condition not in ("damaged", "older"):
            raise
        if error.condition == "damaged":
            return [f"{package.name}: {error}: moved to {move_aside(file, 'damaged')}, and made anew"]
        return [_renewed(package, file, error)]
    return []


def move_aside(file: Path, why: str) -> Path:
    """Move a database with what SQLite keeps beside it; its new name, which no file had."""
    target = unused(file, why)
    for ending in BESIDE:
        beside = file.with_name(file.name + ending)
        if os.path.lexists(beside):
            beside.rename(target.with_name(target.name + ending))
    file.rename(target)
    return target


def unused(file: Path, why: str) -> Path:
    """A name for what was in the file until now."""
    stem = f"{file.name}.{why}-{time.strftime('%Y%m%dT%H%M%S')}"
    names = [stem, *(f"{stem}-{number}" for number in range(2, 1000))]
    return next(path for name in names if not os.path.lexists(path := file.with_name(name)))


def rebuild(package: Package, file: Path, ship: Callable[[str], None]) -> Path:
    """Ship to a new database, put it in the damaged one's place, and tell where that is now.

    Raises BehindError where the new one does not take it either; nothing has changed then.
    """
    fresh = unused(file, "renewing")
    try:
        ship(f"sqlite:///{fresh.absolute()}")
        kept = move_aside(file, "damaged")
        fresh.rename(file)
    except ViewError as error:
        fault = "away" if error.condition == "damaged" else error.condition
        reason = error.reason.replace("is damaged", "cannot be brought up to date, nor can a new one", 1)
        raise ViewError(package, str(file), fault, reason) from error
    finally:
        remove(fresh)
    return kept


def remove(copy: Path) -> None:
    """Delete a database that was made here, where it still is, with what SQLite keeps beside it."""
    for ending in ("", *BESIDE):
        copy.with_name(copy.name + ending).unlink(missing_ok=True)


def _renewed(package: Package, file: Path, error: ViewError) -> str:
    """Bring a copy of the database to this version, and put it in its place; where that fails, none.

    Raises BehindError where there is no room for a copy, or another program holds it.
    """
    copy = unused(file, "upgrading")
    address = f"sqlite:///{copy.absolute()}"
    try:
        with view_errors(package, f"sqlite:///{file}"):
            copied(file, copy)
        upgrade(package, address)
        check_usable(package, address, whole=True)
        kept = move_aside(file, "older")
        copy.rename(file)
    except (ViewError, RuntimeError) as failure:
        if isinstance(failure, ViewError) and failure.condition not in ("damaged", "older", "newer"):
            raise
        return f"{package.name}: {error}: {failure}; moved to {move_aside(file, 'older')}, and made anew"
    finally:
        remove(copy)
    return f"{package.name}: {error}: brought to this version, the file of before is {kept}"


def copied(file: Path, copy: Path) -> None:
    """Copy a database as SQLite sees it, with what is still in its log."""
    with closing(sqlite3.connect(file, timeout=LOCK_S)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)


def upgrade(package: Package, uri: str) -> None:
    """Bring a database's schema to the installed version.

    Raises RuntimeError where the package cannot, BehindError where there is no room.
    """
    failure: BaseException | None = None
    if package is MLFLOW:
        command = [sys.executable, "-m", "mlflow", "db", "upgrade", uri]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
        why = (done.stderr.splitlines() or [""])[-1][:200] if done.returncode != 0 else None
    else:
        try:
            optuna.storages.RDBStorage(uri, skip_compatibility_check=True).upgrade()
            why = None
        except Exception as error:
            failure, why = error, first_line(error)
    if why is None:
        return
    if "disk is full" in why or "No space left" in why:
        raise ViewError(package, display_name(uri), "full", "has no room: the disk is full") from failure
    raise RuntimeError(f"{package.name} could not upgrade it ({why})") from failure
