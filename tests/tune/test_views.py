"""Views that cannot be written hold up nothing: what is behind is said, and caught up with once it can be."""

import sqlite3
import time
from contextlib import closing

import pytest
from stored_study import finished_study, shown

from tune.options import Records
from tune.shipping import MLflowView
from tune.tracking import Tracker
from tune.views import Views, lines_of

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
    monkeypatch.setattr("tune.databases.LOCK_S", 0.1)
    monkeypatch.setattr("tune.shipping.TRY_AGAIN_S", 0.05)
    file = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as holder:
        holder.execute("CREATE TABLE something (x)")
        holder.execute("BEGIN EXCLUSIVE")
        views = Views(study, records(tmp_path))
        (line,) = views.begin()
        assert line.startswith(f"MLflow is behind: {file} is locked by another program")
        views.listener.started(study.cells[0])
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
