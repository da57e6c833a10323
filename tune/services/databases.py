"""What keeps the database of a view from being written, found out before MLflow or Optuna open it, in plain words.

MLflow tries for minutes to open a database that cannot be opened, and Optuna writes into one before it looks at it.
"""

import errno
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from tune.core.console import masked

Condition = Literal["damaged", "foreign", "locked", "older", "newer", "unwritable", "full", "away"]

PACKAGES = ("fernn", "data", "tune")
MISREAD = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, AssertionError)
"""What a package raises that reads content which no version of it has written."""
LOCK_S = 5.0
"""Seconds to wait for another program that writes."""
CONNECT_S = 5
SCHEMES = ("sqlite", "postgresql", "mysql", "mariadb", "mssql")
"""How the addresses of databases begin."""
SERVERS = ("postgresql", "mysql", "mariadb")
"""Databases whose drivers all take ``connect_timeout``."""
MAGIC = b"SQLite format 3\x00"
"""How a SQLite file begins."""
SPOILED = "no such (table|column)|Could not decode"
"""What SQLite and Python say of content that no version of the package has written."""
BESIDE = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a database's file."""


@dataclass(frozen=True)
class Package:
    """Who writes a view, the option that names its database, and where its package keeps its schema and the history."""

    name: str
    option: str
    migrations: str
    first_tables: tuple[str, str]
    """The module and the declarative base of the tables that are made before the schema has a version."""

    @property
    def version(self) -> str:
        """The installed version."""
        return version(self.name.lower())

    def revisions(self) -> tuple[str | None, set[str]]:
        """The newest schema of the installed package, and all that came before."""
        from alembic.script import ScriptDirectory

        package, _, name = self.migrations.rpartition(".")
        scripts = ScriptDirectory(str(Path(next(iter(import_module(package).__path__))) / name))
        return scripts.get_current_head(), {script.revision for script in scripts.walk_revisions()}

    def tables(self) -> set[str]:
        """The names of the tables that are made before the schema has a version."""
        module, base = self.first_tables
        return set(getattr(import_module(module), base).metadata.tables)


MLFLOW = Package(
    "MLflow",
    "--tracking-uri",
    "mlflow.store.db_migrations",
    ("mlflow.store.tracking.dbmodels.initial_models", "Base"),
)
OPTUNA = Package(
    "Optuna", "--optuna-storage", "optuna.storages._rdb.alembic", ("optuna.storages._rdb.models", "BaseModel")
)


class ViewError(ConnectionError):
    """A view that cannot be brought up to date: whose, where, in what condition, and what was seen."""

    def __init__(self, package: Package, address: str, condition: Condition, reason: str) -> None:
        self.package, self.address, self.condition, self.reason = package, masked(address), condition, masked(reason)
        super().__init__(f"{self.address} {self.reason}")


class NoDatabaseError(sqlite3.DatabaseError):
    """What is no database, though it lies where one is kept."""

    sqlite_errorname = "SQLITE_NOTADB"


class ForeignError(Exception):
    """What is not the view's own, and is left alone."""


def sqlite_file(uri: str) -> Path | None:
    """The file of a SQLite database, None for another one; raises ArgumentError for what is no database's address."""
    from sqlalchemy import make_url

    url = make_url(uri)
    is_file = url.get_backend_name() == "sqlite" and "uri" not in url.query
    return Path(url.database) if is_file and url.database and url.database != ":memory:" else None


def is_database(uri: str) -> bool:
    """Whether it is the address of a database, not of a server of MLflow's or of what its plugins reach."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(uri).get_backend_name() in SCHEMES
    except ArgumentError:
        return False


def check_usable(package: Package, uri: str, *, study: str = "", whole: bool = False) -> None:
    """Raises BehindError where the package cannot read and write the database there; ``whole``: every page is read.

    What is not there yet is in order. A server of MLflow's is not looked at. A database beside the folder ``study``
    may be no link that leads elsewhere: nobody has named what is there.
    """
    from sqlalchemy.exc import SQLAlchemyError

    if not is_database(uri):
        return
    try:
        file = sqlite_file(uri)
        if file is None:
            found = server_revision(uri)
        else:
            _check_link(file, study)
            found = file_revision(package, file, whole)
    except (sqlite3.Error, SQLAlchemyError, ImportError, OSError, ForeignError) as error:
        raise view_error(package, uri, error) from error
    head, known = package.revisions() if found is not None else (None, set[str]())
    if found == head:
        return
    condition: Condition = "older" if found in known else "newer"
    reason = f"has the schema of {condition} versions of {package.name} ({found}), {package.version} is installed"
    raise ViewError(package, display_name(uri), condition, reason)


def _check_link(file: Path, study: str) -> None:
    if file.is_symlink() and str(file.parent) == study.rpartition("/")[0]:
        target = file.resolve()
        if not target.is_relative_to(file.parent.resolve()):
            raise ForeignError(f"is a link that leads to {target}")


def file_revision(package: Package, file: Path, whole: bool = False) -> str | None:
    """The schema's version in a SQLite file that can be read and written, None where it has none yet."""
    if file.is_dir():
        raise NoDatabaseError("a folder is in its place")
    if not file.exists():
        return None
    if not file.is_file():
        raise ForeignError("is no file")
    with file.open("rb") as content:
        if content.read(len(MAGIC)) not in (b"", MAGIC):  # SQLite would delete the log beside it
            raise NoDatabaseError("file is not a database")
    if not (os.access(file, os.W_OK) and os.access(file.resolve().parent, os.W_OK)):
        raise PermissionError("it may only be read")
    with closing(sqlite3.connect(file, timeout=LOCK_S, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        if whole and (found := connection.execute("PRAGMA quick_check(1)").fetchone()) != ("ok",):
            raise NoDatabaseError(" ".join(str(found[0]).split()))
        return _revision_in(connection, package)


def _revision_in(connection: sqlite3.Connection, package: Package) -> str | None:
    """The schema's version; raises ForeignError where the tables are of something else."""
    listed = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    tables = {str(name) for (name,) in listed}
    version = "SELECT version_num FROM alembic_version"
    found = connection.execute(version).fetchone() if "alembic_version" in tables else None
    if not tables or (found is not None and (tables & package.tables() or str(found[0]) in package.revisions()[1])):
        return None if found is None else str(found[0])
    if found is None and tables - {"alembic_version"} <= package.tables():
        raise NoDatabaseError("its tables were being made when the program ended")
    shown = ", ".join(sorted(tables - package.tables())[:3])
    raise ForeignError(f"is not {package.name}'s, it has other tables ({shown})")


def server_revision(uri: str) -> str | None:
    """The schema's version in a database server, None where it has none yet."""
    from alembic.migration import MigrationContext
    from sqlalchemy import create_engine, make_url
    from sqlalchemy.pool import NullPool

    waits: dict[str, Any] = {"connect_timeout": CONNECT_S} if make_url(uri).get_backend_name() in SERVERS else {}
    with create_engine(uri, poolclass=NullPool, connect_args=waits).connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def display_name(uri: str) -> str:
    """What to call the database: its file, or its address."""
    return str((is_database(uri) and sqlite_file(uri)) or uri)


def view_error(package: Package, uri: str, error: BaseException) -> ViewError:
    """What an error that came of the view at ``uri`` says of it."""
    at = display_name(uri)
    for cause in causes(error):
        if isinstance(cause, ViewError):
            return cause
        if isinstance(cause, ForeignError):
            return ViewError(package, at, "foreign", str(cause))
        if isinstance(cause, sqlite3.Error):
            return ViewError(package, at, *_of_sqlite(cause))
        if isinstance(cause, OSError) and cause.errno == errno.ENOSPC:
            return ViewError(package, at, "full", "has no room: the disk is full")
        if isinstance(cause, PermissionError):
            return ViewError(package, at, "unwritable", f"cannot be written: {first_line(cause)}")
        if isinstance(cause, MISREAD) and is_database(uri) and sqlite_file(uri) is not None:
            return ViewError(package, at, "damaged", f"is damaged ({error_text(cause)})")
    return ViewError(package, at, "away", _of_server(error))


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and what it came of."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__


def _of_sqlite(error: sqlite3.Error) -> tuple[Condition, str]:
    """What SQLite's own name of the error means; Python's own errors, as of a closed connection, have none."""
    name, text = getattr(error, "sqlite_errorname", ""), first_line(error)
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PROTOCOL")):
        return "locked", "is locked by another program"
    if name.startswith("SQLITE_FULL"):
        return "full", "has no room: the disk is full"
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")) or re.search(SPOILED, text):
        return "damaged", f"is damaged ({text})"
    return "unwritable", f"cannot be read and written ({text})"


def _of_server(error: BaseException) -> str:
    """Why a server does not do what it is asked to."""
    import requests

    text = first_line(error)
    for cause in causes(error):
        if isinstance(cause, requests.exceptions.Timeout):
            return "takes too long to answer"
        if isinstance(cause, requests.exceptions.ConnectionError):
            return "does not answer"
    if found := re.search(r"error code (\d+) != 200|too many (\d+) error responses", text):
        return f"answers {found[1] or found[2]} instead of taking what is shipped"
    if "not in a valid JSON format" in text:
        return "answers with a page, not as MLflow does"
    return f"cannot be used: {error_text(error) if isinstance(error, MISREAD) else text}"


def error_text(error: BaseException) -> str:
    """The error's type and what it says, in one line."""
    return f"{type(error).__name__}: {first_line(error)}"


def first_line(error: BaseException) -> str:
    """What the error says, in one line."""
    if isinstance(error, ImportError):
        return f"its driver {error.name or error} is not installed"
    return (str(error).splitlines() or [type(error).__name__])[0][:300]


def is_own_error(error: BaseException) -> bool:
    """Whether it is of a class of this project, which says in one line what is wrong, as with a file of the study."""
    return type(error).__module__.partition(".")[0] in PACKAGES


@contextmanager
def view_errors(package: Package, uri: str) -> Iterator[None]:
    """Turns whatever comes of the view at ``uri`` into BehindError; what is not the view's is raised as it is."""
    try:
        yield
    except Exception as error:
        if is_own_error(error):
            raise
        raise view_error(package, uri, error) from error
