"""A view's SQLite file brought into a state in which it can be written: moved aside, or brought to this version.

Nothing is deleted: what was there stays beside it under a name that says when it was moved.
"""

import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import optuna
from alembic.util import CommandError
from sqlalchemy.exc import SQLAlchemyError

from tune.databases import BESIDE, LOCK_S, MLFLOW, BehindError, Package, examine, first_line, sqlite_file


def mend(package: Package, uri: str, study: str = "") -> list[str]:
    """What was done to a damaged or older SQLite file, a line each; raises BehindError where it cannot be used yet.

    ``study`` is as in :func:`tune.databases.examine`.
    """
    try:
        examine(package, uri, study=study, whole=True)
    except BehindError as error:
        file = sqlite_file(uri)
        if file is None or error.condition not in ("damaged", "older"):
            raise
        if error.condition == "damaged":
            return [f"{package.name}: {error}: moved to {set_aside(file, 'damaged')}, and made anew"]
        return [_renewed(package, file, error)]
    return []


def set_aside(file: Path, why: str) -> Path:
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


def _renewed(package: Package, file: Path, error: BehindError) -> str:
    """Bring a copy of the database to this version, and put it in its place; where that fails, none."""
    copy = unused(file, "upgrading")
    try:
        copied(file, copy)
        upgrade(package, f"sqlite:///{copy.absolute()}")
        examine(package, f"sqlite:///{copy}", whole=True)
    except (BehindError, RuntimeError) as failure:
        for ending in ("", *BESIDE):
            copy.with_name(copy.name + ending).unlink(missing_ok=True)
        kept = set_aside(file, "older")
        return f"{package.name}: {error}: {failure}; moved to {kept}, and made anew"
    kept = set_aside(file, "older")
    copy.rename(file)
    return f"{package.name}: {error}: brought to this version, the file of before is {kept}"


def copied(file: Path, copy: Path) -> None:
    """Copy a database as SQLite sees it, with what is still in its log."""
    with closing(sqlite3.connect(file, timeout=LOCK_S)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)


def upgrade(package: Package, uri: str) -> None:
    """Bring a database's schema to the installed version; raises RuntimeError where the package cannot."""
    if package is MLFLOW:
        command = [sys.executable, "-m", "mlflow", "db", "upgrade", uri]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
        if done.returncode != 0:
            raise RuntimeError(f"MLflow could not upgrade it ({(done.stderr.splitlines() or [''])[-1][:200]})")
        return
    try:
        optuna.storages.RDBStorage(uri, skip_compatibility_check=True).upgrade()
    except (SQLAlchemyError, CommandError, AssertionError) as error:
        raise RuntimeError(f"Optuna could not upgrade it ({first_line(error)})") from error
