"""The state of a view's database is named before MLflow or Optuna opens it."""

import os
import sqlite3
from contextlib import closing

import optuna
import pytest

from tune.core.folder import DamagedError
from tune.services.databases import (
    MLFLOW,
    OPTUNA,
    ViewError,
    check_usable,
    first_line,
    is_database,
    sqlite_file,
    view_error,
    view_errors,
)


def other_tables(file):
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE bookmarks (x)")


def another_version(file):
    optuna.storages.RDBStorage(f"sqlite:///{file}")
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'v999'")
        connection.commit()


@pytest.mark.parametrize(
    ("make", "condition", "reason"),
    [
        (lambda file: file.write_bytes(b"no database" * 100), "damaged", "file is not a database"),
        (lambda file: file.mkdir(), "damaged", "a folder is in its place"),
        (os.mkfifo, "foreign", "is no file"),
        (other_tables, "foreign", "it has other tables .bookmarks"),
        (another_version, "newer", "has the schema of newer versions of Optuna .v999"),
    ],
    ids=["garbage", "folder", "pipe", "another program", "newer"],
)
def test_what_the_package_cannot_use_is_named_and_stays(tmp_path, make, condition, reason):
    file = tmp_path / "optuna.db"
    make(file)
    with pytest.raises(ViewError, match=reason) as refused:
        check_usable(OPTUNA, f"sqlite:///{file}", whole=True)
    assert refused.value.condition == condition and file.exists()


def test_a_database_that_is_not_there_yet_or_of_this_version_is_usable(tmp_path):
    uri = f"sqlite:///{tmp_path}/optuna.db"
    check_usable(OPTUNA, uri)
    optuna.storages.RDBStorage(uri)
    check_usable(OPTUNA, uri, whole=True)
    check_usable(MLFLOW, "http://host:5000")


def test_a_lock_is_waited_for_and_named(tmp_path, monkeypatch):
    monkeypatch.setattr("tune.services.databases.LOCK_S", 0.05)
    file = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(ViewError, match="is locked by another program"):
            check_usable(MLFLOW, f"sqlite:///{file}")


def test_a_link_out_of_the_studys_storage_is_foreign(tmp_path):
    (tmp_path / "storage").mkdir()
    (tmp_path / "storage/optuna.db").symlink_to(tmp_path / "elsewhere.db")
    uri = f"sqlite:///{tmp_path}/storage/optuna.db"
    check_usable(OPTUNA, uri)
    with pytest.raises(ViewError, match="is a link that leads to .*elsewhere.db"):
        check_usable(OPTUNA, uri, study=f"{tmp_path}/storage/s")


def test_addresses_of_files_databases_and_servers():
    assert str(sqlite_file("sqlite:////a/b.db")) == "/a/b.db"
    assert str(ViewError(OPTUNA, "sqlite:////a/b.db", "full", "has no room")) == "/a/b.db has no room"
    assert sqlite_file("sqlite://") is None and sqlite_file("postgresql://u@h/x") is None
    assert is_database("postgresql://u@h/x") and not is_database("http://h") and not is_database("mlruns")


@pytest.mark.parametrize(
    ("error", "condition"),
    [
        (OSError(28, "No space left on device"), "full"),
        (PermissionError("read-only"), "unwritable"),
        (sqlite3.OperationalError("no such table: runs"), "damaged"),
        (KeyError("no column"), "damaged"),
        (ConnectionRefusedError(), "away"),
    ],
)
def test_an_error_while_shipping_has_a_condition(error, condition):
    assert view_error(OPTUNA, "sqlite:////a/b.db", error).condition == condition


def test_errors_of_this_project_pass_and_all_others_name_the_view():
    with pytest.raises(DamagedError), view_errors(OPTUNA, "sqlite:////a/b.db"):
        raise DamagedError("a row")
    with pytest.raises(ViewError, match="/a/b.db"), view_errors(OPTUNA, "sqlite:////a/b.db"):
        raise OSError("first\nsecond")
    assert first_line(OSError("first\nsecond")) == "first"
    assert first_line(ModuleNotFoundError("x", name="psycopg")) == "its driver psycopg is not installed"
