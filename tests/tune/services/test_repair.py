"""Repair moves a database aside and deletes nothing."""

import sqlite3
from contextlib import closing
from pathlib import Path

import mlflow
import pytest
from alembic import command
from mlflow.store.db.utils import _get_alembic_config
from mlflow.store.tracking.dbmodels.initial_models import Base
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from tests.support.stored_study import planned_study
from tune.services.databases import MLFLOW, OPTUNA, ViewError, check_usable
from tune.services.repair import copied, rebuild, replace_file, ship_repaired, unused_name


def filled(file, value):
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE numbers (x)")
        connection.execute("INSERT INTO numbers VALUES (?)", (value,))
        connection.commit()


def number_in(file):
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute("SELECT x FROM numbers").fetchone()[0]


def test_a_file_is_moved_aside_with_its_logs_and_no_name_is_used_twice(tmp_path):
    file = tmp_path / "a.db"
    for content in (b"first", b"second"):
        file.write_bytes(content)
        (tmp_path / "a.db-wal").write_bytes(content)
        moved_to = replace_file(file, "damaged", Path.touch)
        assert moved_to.read_bytes() == content == moved_to.with_name(f"{moved_to.name}-wal").read_bytes()
    assert len(list(tmp_path.glob("a.db.damaged-*"))) == 4 and not unused_name(file, "damaged").exists()


def test_a_damaged_file_is_replaced_and_one_that_is_not_there_is_left_to_the_package(tmp_path, capsys):
    file, study = tmp_path / "optuna.db", planned_study(tmp_path / "s", {"model": ("grnn",), "seed": (0,)})
    ship_repaired(OPTUNA, f"sqlite:///{file}", study, lambda uri: None)
    assert not file.exists() and capsys.readouterr().err == ""
    file.write_bytes(b"no database" * 100)
    ship_repaired(OPTUNA, f"sqlite:///{file}", study, lambda uri: filled(uri.removeprefix("sqlite:///"), 2))
    (moved_to,) = tmp_path.glob("optuna.db.damaged-*")
    assert moved_to.read_bytes() == b"no database" * 100 and number_in(file) == 2
    assert capsys.readouterr().err.endswith(f"moved to {moved_to}, and a new one takes its place\n")


def test_a_rebuilt_database_takes_the_place_and_the_old_one_is_kept(tmp_path):
    file = tmp_path / "a.db"
    filled(file, 1)
    moved_to = rebuild(OPTUNA, file, "damaged", lambda uri: filled(uri.removeprefix("sqlite:///"), 2))
    assert number_in(file) == 2 and number_in(moved_to) == 1 and len(list(tmp_path.iterdir())) == 2


def test_a_database_that_cannot_be_rebuilt_stays_and_leaves_nothing_beside_it(tmp_path):
    file = tmp_path / "a.db"
    filled(file, 1)

    def fails(uri):
        filled(uri.removeprefix("sqlite:///"), 2)
        raise ViewError(OPTUNA, uri, "damaged", "is damaged (why)")

    with pytest.raises(ViewError, match="cannot be brought up to date, nor can a new one") as refused:
        rebuild(OPTUNA, file, "damaged", fails)
    assert refused.value.condition == "away" and number_in(file) == 1 and list(tmp_path.iterdir()) == [file]


def test_a_copy_has_the_content_of_the_log(tmp_path):
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        filled(tmp_path / "a.db", 3)
        copied(tmp_path / "a.db", tmp_path / "b.db")
    assert number_in(tmp_path / "b.db") == 3


OLDER = "2d6e25af4d3e"
"""The schema that MLflow had in 2023."""


@pytest.fixture
def older(tmp_path):
    """A database as an older version of MLflow leaves it, with one experiment."""
    file = tmp_path / "mlflow.db"
    engine = create_engine(f"sqlite:///{file}", poolclass=NullPool)
    Base.metadata.create_all(engine)
    config = _get_alembic_config(str(engine.url))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, OLDER)
    with closing(sqlite3.connect(file)) as connection:
        values = "'kept', 'a', 'active', 1, 1"
        columns = "name, artifact_location, lifecycle_stage, creation_time, last_update_time"
        connection.execute(f"INSERT INTO experiments ({columns}) VALUES ({values})")
        connection.commit()
    return file


def revision_in(file):
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute("SELECT version_num FROM alembic_version").fetchone()[0]


def test_a_database_of_an_older_mlflow_is_brought_to_this_version_and_kept(older, tmp_path, capsys):
    uri, study = f"sqlite:///{older}", planned_study(tmp_path / "s", {"model": ("grnn",), "seed": (0,)})
    with pytest.raises(ViewError, match=f"has the schema of older versions of MLflow .{OLDER}., .* is installed"):
        check_usable(MLFLOW, uri)
    shipped = []
    ship_repaired(MLFLOW, uri, study, shipped.append)
    (before,) = tmp_path.glob("mlflow.db.older-*")
    assert shipped == [uri] and revision_in(before) == OLDER and revision_in(older) == MLFLOW.revisions()[0]
    assert mlflow.MlflowClient(tracking_uri=uri).get_experiment_by_name("kept").artifact_location == "a"
    assert capsys.readouterr().err.endswith(f"brought to this version, the file of before is {before}\n")


def test_an_older_database_that_cannot_be_upgraded_stays_until_a_new_one_is_filled(older, tmp_path, capsys):
    with closing(sqlite3.connect(older)) as connection:
        connection.execute("DROP TABLE experiments")
        connection.commit()
    study = planned_study(tmp_path / "s", {"model": ("grnn",), "seed": (0,)})
    ship_repaired(MLFLOW, f"sqlite:///{older}", study, lambda uri: filled(uri.removeprefix("sqlite:///"), 2))
    (before,) = tmp_path.glob("mlflow.db.older-*")
    assert revision_in(before) == OLDER and number_in(older) == 2
    assert "could not be upgraded" in capsys.readouterr().err
