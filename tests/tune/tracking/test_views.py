"""Views that cannot be written hold up nothing: what is behind is said, and caught up with once it can be."""

import os
import sqlite3
import threading
import time
from contextlib import closing
from types import SimpleNamespace

import pytest
from mlflow.exceptions import MlflowException

from tests.support.stored_study import finished_study, planned_study, shipped, shown
from tune.measures.measure import Point, RunRecord
from tune.planning.options import Records
from tune.services.databases import MLFLOW, OPTUNA, ViewError
from tune.services.repair import ship_repaired
from tune.sync import sync
from tune.tracking.mlflow_tracker import Tracker
from tune.tracking.views import MLflowView, TrackingListener, Views, lines_of

SPACE = {"model": ("grnn",), "optim.lr": (1e-3,), "seed": (0,)}


@pytest.fixture
def study(tmp_path):
    return finished_study(tmp_path / "s", SPACE, {("grnn", 1e-3, 0): (7, 5)})


@pytest.fixture
def two_cells(tmp_path):
    hits = {("grnn", 1e-3, 0): (7, 5), ("grnn", 1e-3, 1): (8, 4)}
    return finished_study(tmp_path / "s", {**SPACE, "seed": (0, 1)}, hits)


def uri(tmp_path, name="mlflow.db"):
    return f"sqlite:///{tmp_path}/{name}"


def records(tmp_path):
    return Records("s", str(tmp_path))


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
    ("answer", "reason"),
    [
        ((500, b"ill"), "answers 500 instead of"),
        ((502, b"<html></html>"), "answers 502 instead of"),
        ((200, b"<html></html>"), "answers with a page"),
        ((200, b"[]"), "answers with a page"),
        ((200, b'{"experiment": 3}'), "cannot be used"),
    ],
)
def test_whatever_a_server_answers_is_one_line(study, answering, answer, reason):
    server = answering({"/api/2.0/mlflow/experiments/get-by-name": answer})
    (line,) = lines_of(study, MLflowView(study, f"http://{server}").ship)
    assert line.startswith(f"MLflow is behind: http://{server} {reason}") and "\n" not in line


def test_a_server_that_is_away_is_one_line(study):
    (line,) = lines_of(study, MLflowView(study, "http://127.0.0.1:9").ship)
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


@pytest.mark.parametrize(("package", "table"), [(MLFLOW, "experiments"), (OPTUNA, "studies")])
def test_tables_that_were_being_made_are_moved_aside_and_a_pipe_stays(study, tmp_path, package, table, capsys):
    file = tmp_path / "half.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(f"CREATE TABLE {table} (x INTEGER PRIMARY KEY AUTOINCREMENT)")
    ship_repaired(
        package, f"sqlite:///{file}", study, lambda at: sqlite3.connect(at.removeprefix("sqlite:///")).close()
    )
    assert "its tables were being made" in capsys.readouterr().err and file.read_bytes() == b""
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(ViewError, match="is no file"):
        ship_repaired(package, f"sqlite:///{file}", study, lambda at: None)
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


def view_of(tracker):
    """MLflow's view, open from the beginning."""
    view = MLflowView(tracker.study, tracker.uri)
    view.tracker = tracker
    return view


def test_an_outage_delays_and_loses_nothing(two_cells, tmp_path, monkeypatch):
    tracker = Tracker(two_cells, uri(tmp_path))
    listener, cell = TrackingListener(view_of(tracker)), two_cells.cells[0]

    def away(*arguments, **options):
        raise MlflowException("the server is away")

    with monkeypatch.context() as outage:
        for call in ("create_run", "log_batch", "update_run", "set_terminated"):
            outage.setattr(tracker.client, call, away)
        listener.on_status(cell, "running")
        listener.on_epoch(cell, two_cells.cell_folder(cell).history()[0])
        listener.on_status(cell, "lost")
        listener.on_status(cell, "failed")
        listener.on_status(cell, "done")
        wait_for(lambda: not listener._tasks)
        listener.close(20)
        with pytest.raises(MlflowException):
            tracker.sync()
    assert shown(shipped(two_cells, uri(tmp_path))) == shown(shipped(two_cells, uri(tmp_path, "undisturbed.db")))


def test_a_failed_cell_and_an_unfinished_study_are_closed(two_cells, tmp_path):
    tracker = Tracker(two_cells, uri(tmp_path))
    listener = TrackingListener(view_of(tracker))
    listener.on_status(two_cells.cells[0], "running")
    listener.on_status(two_cells.cells[1], "running")
    listener.on_status(two_cells.cells[0], "failed")
    wait_for(lambda: not listener._tasks)
    listener.close(20)
    tracker.tree.close(complete=False)
    statuses = {node: status for node, (_, status, *_) in shown(tracker).items()}
    assert (
        statuses[f"cell/{two_cells.cells[0].key}"] == "FAILED"
        and statuses[f"cell/{two_cells.cells[1].key}"] == "KILLED"
    )
    assert statuses["study"] == "KILLED"


def test_a_search_does_not_wait_for_a_server_that_hangs(two_cells, tmp_path, monkeypatch):
    """Fifty epochs heard while the server hangs are shipped by one call once it answers."""
    tracker, cell = Tracker(two_cells, uri(tmp_path)), two_cells.cells[0]
    answers, calls, ship = threading.Event(), [], tracker.ship

    def slow(cell):
        calls.append(cell)
        assert answers.wait(20)
        ship(cell)

    monkeypatch.setattr(tracker, "ship", slow)
    listener, began = TrackingListener(view_of(tracker)), time.monotonic()
    row = two_cells.cell_folder(cell).history()[0]
    listener.on_epoch(cell, row)
    wait_for(lambda: len(calls) == 1)
    for _ in range(50):
        listener.on_epoch(cell, row)
    assert time.monotonic() - began < 5 and len(calls) == 1
    answers.set()
    wait_for(lambda: len(calls) == 2)
    listener.close(20)
    assert tracker.tree.read(f"cell/{cell.key}").data.metrics["validation/accuracy"] == row["validation/accuracy"]
    assert len(calls) == 2


def test_a_search_that_has_ended_does_not_wait_for_a_server_that_hangs(two_cells, tmp_path, monkeypatch):
    tracker, answers = Tracker(two_cells, uri(tmp_path)), threading.Event()
    monkeypatch.setattr(tracker, "start", lambda cell: answers.wait(20))
    listener = TrackingListener(view_of(tracker))
    listener.on_status(two_cells.cells[0], "running")
    listener.on_status(two_cells.cells[1], "running")
    wait_for(lambda: len(listener._tasks) == 1)
    with pytest.raises(ViewError, match="does not answer"):
        listener.close(0.1)
    answers.set()
    listener.close(20)


def test_a_view_that_cannot_be_opened_is_behind_and_one_that_can_is_closed(tmp_path):
    study = planned_study(tmp_path / "s", SPACE)
    record = RunRecord("model/grnn", {"size": 1.0}, [Point("size/mean", 1.0)], dict)
    results = SimpleNamespace(view="sizes", kind=SimpleNamespace(name="size"), run_records=lambda: [record])
    num_changed, (line,) = MLflowView(study, "http://127.0.0.1:9").log(results)
    assert num_changed == 0 and "MLflow is behind: http://127.0.0.1:9 does not answer" in line
    view = MLflowView(study, f"sqlite:///{tmp_path}/mlflow.db")
    view.ship(lambda tracker: tracker.start(study.cells[0]))
    assert view.log() == (0, []) and view.log(results) == (1, []) and view.log(results) == (0, [])
    assert {run.info.status for run in view.ship().tree.runs.values()} == {"KILLED"}


def wait_for(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
