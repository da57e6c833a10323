"""Views that cannot be written hold up nothing: what is behind is said, and caught up with once it can be."""

import os
import sqlite3
import time
from contextlib import closing

import pytest

from tests.support.stored_study import finished_study, shown
from tune.planning.options import Records
from tune.services.databases import MLFLOW, OPTUNA, ViewError
from tune.services.repair import repair_file
from tune.sync import sync
from tune.tracking.mlflow_tracker import Tracker
from tune.tracking.optuna_mirror import mirror
from tune.tracking.views import MLflowView, Views, lines_of

SPACE = {"model": ("grnn",), "optim.lr": (1e-3,), "seed": (0,)}


@pytest.fixture
def study(tmp_path):
    return finished_study(tmp_path / "s", SPACE, {("grnn", 1e-3, 0): (7, 5)})


def records(tmp_path, uri=None):
    return Records("s", str(tmp_path), uri)


def test_damaged_views_are_said_and_stay_as_they_are(study, tmp_path):
    for name in ("mlflow.db", "optuna.db"):
        (tmp_path / name).write_bytes(b"no database" * 100)
    began, views = time.monotonic(), Views(study, records(tmp_path))
    for lines in (views.begin(), views.end(study, 20)):
        assert sorted(line.partition(" is behind: ")[0] for line in lines) == ["MLflow", "Optuna"]
        assert all("is damaged (file is not a database); python tune/sync.py --study s" in line for line in lines)
    assert views.links() == {} and time.monotonic() - began < 60  # MLflow itself would try for 100 seconds
    assert {path.read_bytes() for path in tmp_path.glob("*.db*")} == {b"no database" * 100}


def test_a_lock_that_goes_away_is_caught_up_with_while_training(study, tmp_path, monkeypatch):
    monkeypatch.setattr("tune.services.databases.LOCK_S", 0.1)
    monkeypatch.setattr("tune.tracking.views.TRY_AGAIN_S", 0.05)
    file = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        views = Views(study, records(tmp_path))
        (line,) = views.begin()
        assert line.startswith(f"MLflow is behind: {file} is locked by another program")
        views.listener.on_status(study.cells[0], "running")
    deadline = time.monotonic() + 60
    while views.mlflow.tracker is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert f"cell/{study.cells[0].key}" in shown(Tracker(study, f"sqlite:///{file}"))
    assert views.end(study, 20) == []


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((500, b"ill"), "answers 500 instead of"),
        ((502, b"<html></html>"), "answers 502 instead of"),
        ((200, b"<html></html>"), "answers with a page"),
        ((200, b"[]"), "answers with a page"),
        ((200, b'{"experiment": 3}'), "cannot be used"),
    ],
)
def test_whatever_a_server_answers_is_one_line(study, answering, answer, said):
    server = answering({"/api/2.0/mlflow/experiments/get-by-name": answer})
    (line,) = lines_of(study, MLflowView(study, f"http://{server}").open)
    assert line.startswith(f"MLflow is behind: http://{server} {said}") and "\n" not in line


def test_a_server_that_is_away_is_one_line(study):
    (line,) = lines_of(study, MLflowView(study, "http://127.0.0.1:9").open)
    assert line.startswith("MLflow is behind: http://127.0.0.1:9 does not answer; python tune/sync.py --study s")


def tables_of(file):
    with closing(sqlite3.connect(file)) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]


@pytest.mark.parametrize("is_link", [True, False])
def test_what_another_program_keeps_in_a_database_is_left_as_it_is(study, tmp_path, tmp_path_factory, is_link):
    home = tmp_path_factory.mktemp("elsewhere") if is_link else tmp_path
    for name in ("mlflow.db", "optuna.db"):
        other = home / name
        with closing(sqlite3.connect(other)) as connection:
            connection.execute("CREATE TABLE runs (x)")
            connection.execute("CREATE TABLE bookmarks (x)")
        if is_link:
            (tmp_path / name).symlink_to(other)
    lines = sync(study, records(tmp_path))
    assert len(lines) == 2 and sorted(Views(study, records(tmp_path)).begin()) == lines
    for line, option, name in zip(
        lines, ("--tracking-uri", "--optuna-storage"), ("mlflow.db", "optuna.db"), strict=True
    ):
        why = f"is a link that leads to {home}/{name}" if is_link else "it has other tables (bookmarks"
        assert why in line and line.endswith(f"database with {option}")
        assert tables_of(tmp_path / name) == ["runs", "bookmarks"]
    assert not list(tmp_path.glob("*.damaged-*"))


def test_a_link_that_is_named_or_leads_nowhere_else_is_followed(study, tmp_path, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (tmp_path / "optuna.db").symlink_to("inside.db")
    (elsewhere / "named.db").symlink_to(tmp_path / "other.db")
    for link, target in ((tmp_path / "optuna.db", "inside.db"), (elsewhere / "named.db", "other.db")):
        mirror(study, f"sqlite:///{link}")
        assert "studies" in tables_of(tmp_path / target)
    (tmp_path / "optuna.db").unlink()
    (tmp_path / "optuna.db").symlink_to(elsewhere / "not-there.db")
    with pytest.raises(ViewError, match="is a link that leads to .*not-there.db"):
        mirror(study, f"sqlite:///{tmp_path}/optuna.db")
    assert not (elsewhere / "not-there.db").exists()


@pytest.mark.parametrize(("package", "table"), [(MLFLOW, "experiments"), (OPTUNA, "studies")])
def test_tables_that_were_being_made_are_moved_aside_and_a_pipe_stays(tmp_path, package, table):
    file = tmp_path / "half.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(f"CREATE TABLE {table} (x INTEGER PRIMARY KEY AUTOINCREMENT)")
    (said,) = repair_file(package, f"sqlite:///{file}")
    assert "its tables were being made" in said and not file.exists()
    os.mkfifo(file)
    with pytest.raises(ViewError, match="is no file"):
        repair_file(package, f"sqlite:///{file}")
    assert file.is_fifo()


def test_a_fault_while_shipping_is_named_and_training_goes_on(study, tmp_path, monkeypatch):
    monkeypatch.setattr(Tracker, "start", lambda tracker, cell: {}["no such key"])
    views = Views(study, records(tmp_path))
    assert [line for line in views.begin() if "KeyError: 'no such key'" not in line] == []
    lines = views.end(study, 20)
    assert len(lines) == 1 and "MLflow is behind:" in lines[0] and "KeyError: 'no such key'" in lines[0]


def test_no_error_leaves_the_views_raw(study):
    def fails():
        raise TypeError("first\nsecond")

    assert lines_of(study, fails) == ["a view is behind: TypeError: first"]
