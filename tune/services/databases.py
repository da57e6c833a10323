"""Checks of the databases of views, before MLflow or Optuna open them, and errors that name the cause in one line.

A view is MLflow's or Optuna's record of a study. MLflow retries for minutes on a database that cannot be opened, and
Optuna writes into a database before it checks it.
"""

import errno
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, Literal

from tune.core.code_record import PACKAGES
from tune.core.console import masked

Condition = Literal["damaged", "foreign", "locked", "older", "newer", "unwritable", "full", "away"]

MISREAD = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, AssertionError)
"""Errors that MLflow and Optuna raise on content that no version of them has written."""
LOCK_S = 5.0
"""Seconds to wait for another program's lock."""
CONNECT_S = 5
DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
"""The schemes of the databases that both packages take."""
MAGIC = b"SQLite format 3\x00"
"""The first bytes of a SQLite file."""
SPOILED = "no such (table|column)|Could not decode"
"""Error texts of SQLite and Python on content that no version of the package has written."""


@dataclass(frozen=True)
class Package:
    """The package that writes a view, the option that names its database, and the module of its schema's history."""

    name: str
    option: str
    upgrade: str
    """The package's command that upgrades a database, without the address."""
    migrations: str
    first_tables: str
    """The declarative base, as "module:name", of the tables that exist before the schema has a version."""

    def revisions(self) -> tuple[str | None, set[str]]:
        """The newest schema revision of the installed package, and all revisions."""
        from alembic.script import ScriptDirectory

        package, _, name = self.migrations.rpartition(".")
        scripts = ScriptDirectory(str(files(package) / name))
        return scripts.get_current_head(), {script.revision for script in scripts.walk_revisions()}

    def tables(self) -> set[str]:
        """The names of the tables that exist before the schema has a version."""
        return set(resolve_name(self.first_tables).metadata.tables)


MLFLOW = Package(
    "MLflow",
    "--tracking-uri",
    "mlflow db upgrade",
    "mlflow.store.db_migrations",
    "mlflow.store.tracking.dbmodels.initial_models:Base",
)
OPTUNA = Package(
    "Optuna",
    "--optuna-storage",
    "optuna storage upgrade --storage",
    "optuna.storages._rdb.alembic",
    "optuna.storages._rdb.models:BaseModel",
)


WAYS_OUT: dict[Condition, str] = {
    "damaged": "python tune/sync.py --study {study} creates it again, and keeps the damaged file under another name",
    "foreign": "it is not changed; name {package.name}'s database with {package.option}",
    "locked": "end that program; the search tries again, and python tune/sync.py --study {study} brings it up to date",
    "older": "python tune/sync.py --study {study} brings a file to this version; a server: {package.upgrade} URL",
    "newer": "install that version of {package.name}, then python tune/sync.py --study {study}",
    "unwritable": "allow writing, then python tune/sync.py --study {study}",
    "full": "make room, then python tune/sync.py --study {study}",
    "away": "python tune/sync.py --study {study} brings it up to date when it can be used",
}


class ViewError(ConnectionError):
    """A view that cannot be updated: its package, its file or address, its condition, and the reason in one line."""

    def __init__(self, package: Package, address: str, condition: Condition, reason: str) -> None:
        name = str((is_database(address) and sqlite_file(address)) or address)
        self.package, self.condition, self.reason = package, condition, masked(reason)
        super().__init__(f"{masked(name)} {self.reason}")

    def way_out(self, study: str) -> str:
        """What to do for the view of a study."""
        return WAYS_OUT[self.condition].format(study=study, package=self.package)


def sqlite_file(uri: str) -> Path | None:
    """The file of a SQLite database, None for any other database; raises ArgumentError for any other address."""
    from sqlalchemy import make_url

    url = make_url(uri)
    is_file = url.get_backend_name() == "sqlite" and "uri" not in url.query
    return Path(url.database) if is_file and url.database and url.database != ":memory:" else None


def is_database(uri: str) -> bool:
    """Whether the address is a database's, not that of an MLflow server or plugin."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(uri).get_backend_name() in DATABASES
    except ArgumentError:
        return False


def check_usable(package: Package, uri: str, *, study: str = "", whole: bool = False) -> None:
    """Raises ViewError where the package cannot read and write the database; ``whole``: also checks every page of it.

    A database that does not exist yet is usable. An MLflow server is not checked. A database in the same storage as
    the folder ``study`` must not be a link that leads out of the storage.
    """
    if not is_database(uri):
        return
    with view_errors(package, uri):
        file = sqlite_file(uri)
        if file is None:
            revision = server_revision(uri)
        else:
            _check_link(package, file, study)
            revision = file_revision(package, file, whole)
    head, revisions = package.revisions() if revision is not None else (None, set[str]())
    if revision == head:
        return
    condition: Condition = "older" if revision in revisions else "newer"
    installed = version(package.name.lower())
    reason = f"has the schema of {condition} versions of {package.name} ({revision}), {installed} is installed"
    raise ViewError(package, uri, condition, reason)


def _check_link(package: Package, file: Path, study: str) -> None:
    if file.is_symlink() and str(file.parent) == study.rpartition("/")[0]:
        target = file.resolve()
        if not target.is_relative_to(file.parent.resolve()):
            raise ViewError(package, str(file), "foreign", f"is a link that leads to {target}")


def file_revision(package: Package, file: Path, whole: bool = False) -> str | None:
    """The schema revision of a SQLite file, None where it has none yet; raises ViewError, sqlite3.Error or OSError."""
    if file.is_dir():
        raise _damaged(package, file, "a folder is in its place")
    if not file.exists():
        return None
    if not file.is_file():
        raise ViewError(package, str(file), "foreign", "is no file")
    with file.open("rb") as content:
        if content.read(len(MAGIC)) not in (b"", MAGIC):  # SQLite would delete the log of such a file
            raise _damaged(package, file, "file is not a database")
    if not (os.access(file, os.W_OK) and os.access(file.resolve().parent, os.W_OK)):
        raise PermissionError("it may only be read")
    with closing(sqlite3.connect(file, timeout=LOCK_S, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        if whole and (answer := connection.execute("PRAGMA quick_check(1)").fetchone()) != ("ok",):
            raise _damaged(package, file, " ".join(str(answer[0]).split())[:300])
        return _revision_in(connection, package, file)


def _revision_in(connection: sqlite3.Connection, package: Package, file: Path) -> str | None:
    """The schema revision; raises ViewError where the tables belong to another program."""
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    tables = {str(name) for (name,) in names}
    query = "SELECT version_num FROM alembic_version"
    row = connection.execute(query).fetchone() if "alembic_version" in tables else None
    if not tables or (row is not None and (tables & package.tables() or str(row[0]) in package.revisions()[1])):
        return None if row is None else str(row[0])
    if row is None and tables - {"alembic_version"} <= package.tables():
        raise _damaged(package, file, "its tables were being made when the program ended")
    shown = ", ".join(sorted(tables - package.tables())[:3])
    raise ViewError(package, str(file), "foreign", f"is not {package.name}'s, it has other tables ({shown})")


def _damaged(package: Package, file: Path, reason: str) -> ViewError:
    return ViewError(package, str(file), "damaged", f"is damaged ({reason})")


def server_revision(uri: str) -> str | None:
    """The schema revision in a database server, None where it has none yet."""
    from alembic.migration import MigrationContext
    from sqlalchemy import create_engine, make_url
    from sqlalchemy.pool import NullPool

    has_timeout = make_url(uri).get_backend_name() in ("postgresql", "mysql")  # of all their drivers
    waits: dict[str, Any] = {"connect_timeout": CONNECT_S} if has_timeout else {}
    with create_engine(uri, poolclass=NullPool, connect_args=waits).connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def view_error(package: Package, uri: str, error: BaseException) -> ViewError:
    """The ViewError that explains an error of the view at ``uri``."""
    for cause in causes(error):
        if isinstance(cause, ViewError):
            return cause
        if isinstance(cause, sqlite3.Error):
            return ViewError(package, uri, *_sqlite_condition(cause))
        if isinstance(cause, OSError) and cause.errno == errno.ENOSPC:
            return ViewError(package, uri, "full", DISK_FULL)
        if isinstance(cause, PermissionError):
            return ViewError(package, uri, "unwritable", f"cannot be written: {first_line(cause)}")
        if isinstance(cause, MISREAD) and is_database(uri) and sqlite_file(uri) is not None:
            return ViewError(package, uri, "damaged", f"is damaged ({error_text(cause)})")
    return ViewError(package, uri, "away", _server_reason(error))


DISK_FULL = "has no room: the disk is full"


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and the errors that caused it."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _sqlite_condition(error: sqlite3.Error) -> tuple[Condition, str]:
    """The condition by SQLite's name of the error, which errors of Python's sqlite3 module lack, and the reason."""
    name, text = getattr(error, "sqlite_errorname", ""), first_line(error)
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PROTOCOL")):
        return "locked", "is locked by another program"
    if name.startswith("SQLITE_FULL"):
        return "full", DISK_FULL
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")) or re.search(SPOILED, text):
        return "damaged", f"is damaged ({text})"
    return "unwritable", f"cannot be read and written ({text})"


def _server_reason(error: BaseException) -> str:
    import requests

    text = first_line(error)
    for cause in causes(error):
        if isinstance(cause, requests.exceptions.Timeout):
            return "takes too long to answer"
        if isinstance(cause, requests.exceptions.ConnectionError):
            return "does not answer"
    if status := re.search(r"error code (\d+) != 200|too many (\d+) error responses", text):
        return f"answers {status[1] or status[2]} instead of taking what is shipped"
    if "not in a valid JSON format" in text:
        return "answers with a page, not as MLflow does"
    return f"cannot be used: {error_text(error) if isinstance(error, MISREAD) else text}"


def error_text(error: BaseException) -> str:
    """The error's type and text in one line."""
    return f"{type(error).__name__}: {first_line(error)}"


def first_line(error: BaseException) -> str:
    """The first line of the error's text; a missing driver is named."""
    if isinstance(error, ImportError):
        return f"its driver {error.name or error} is not installed"
    return (str(error).splitlines() or [type(error).__name__])[0][:300]


def is_own_error(error: BaseException) -> bool:
    """Whether the error's class is this project's; its text is then one line for the user."""
    return type(error).__module__.partition(".")[0] in PACKAGES


@contextmanager
def view_errors(package: Package, uri: str) -> Iterator[None]:
    """Raise ViewError for every error of the view at ``uri``; errors of this project's classes pass unchanged."""
    try:
        yield
    except Exception as error:
        if is_own_error(error):
            raise
        raise view_error(package, uri, error) from error
