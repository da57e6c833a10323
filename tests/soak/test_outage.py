"""MLflow away in the middle of a search: training goes on, and what is missing is shipped later."""

import json
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest

from tests.support.disturbed import EPOCHS, ROOT, STUDY, TWELVE, cells, contents, tracked

pytestmark = pytest.mark.soak


def num_done(folder):
    return sum((cell / "done.json").exists() for cell in cells(folder))


def wait_until(condition, search, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert search.runs and time.monotonic() < deadline, search.errors()
        time.sleep(0.05)


def check_shown(server, folder, epochs):
    """MLflow has every run, every epoch and every checkpoint once."""
    runs, steps = tracked(server.database)
    assert len(runs) == len({name for name, _ in runs}) == 21 and {status for _, status in runs} == {"FINISHED"}
    assert {count for *_, count in steps} == {1}
    assert sum(key == "train/loss" for _, key, _, _ in steps) == 12 * epochs
    assert len(list((server.folder / "artifacts").rglob("model.safetensors"))) == 12
    assert len(contents(folder)) == 12


def test_training_goes_on_and_a_server_that_comes_back_is_brought_up_to_date(search, server, tmp_path):
    one = search(*TWELVE[:-1], str(3 * EPOCHS), "--tracking-uri", server.uri)
    wait_until(lambda: num_done(tmp_path) >= 1, one)
    server.kill()
    before = num_done(tmp_path)
    wait_until(lambda: num_done(tmp_path) >= before + 3, one)
    server.start()
    assert one.runs, "the server came back too late to be of use to this test"
    assert one.wait() == 0, one.errors()
    check_shown(server, tmp_path, 3 * EPOCHS)


def test_a_server_that_stays_away_is_said_and_sync_ships_all(search, server, tmp_path):
    one = search(*TWELVE, "--tracking-uri", server.uri)
    wait_until(lambda: num_done(tmp_path) >= 1, one)
    server.kill()
    assert one.wait() == 1 and num_done(tmp_path) == 12
    assert "127.0.0.1" in one.events()[-1]["tracking_behind"]
    server.start()
    for _ in range(2):
        command = [sys.executable, ROOT / "tune/sync.py", "--study", STUDY, "--tracking-uri", server.uri, "--json"]
        said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        assert json.loads(said.stdout)["done"] == 12
        check_shown(server, tmp_path, EPOCHS)


def test_a_database_that_is_locked_holds_up_nothing_and_is_caught_up_with(search, tmp_path):
    (tmp_path / "studies").mkdir()
    database = tmp_path / "studies/mlflow.db"
    with closing(sqlite3.connect(database, isolation_level=None)) as holder:
        holder.execute("CREATE TABLE something (x)")
        holder.execute("BEGIN EXCLUSIVE")
        one = search(*TWELVE)
        wait_until(lambda: num_done(tmp_path) >= 2, one)
    assert one.runs and one.wait() == 0, one.errors()
    assert any("is locked by another program" in event.get("text", "") for event in one.events())
    runs, steps = tracked(database)
    assert len(runs) == 21 and {status for _, status in runs} == {"FINISHED"}
    assert sum(key == "train/loss" for _, key, _, _ in steps) == 12 * EPOCHS


def test_databases_that_are_damaged_hold_up_nothing_and_sync_makes_them_anew(search, tmp_path):
    (tmp_path / "studies").mkdir()
    for name in ("mlflow.db", "optuna.db"):
        (tmp_path / "studies" / name).write_bytes(b"no database" * 100)
    one = search(*TWELVE)
    assert one.wait() == 1 and num_done(tmp_path) == 12, one.errors()
    behind = one.events()[-1]["tracking_behind"]
    assert "MLflow is behind" in behind and "Optuna is behind" in behind
    command = [sys.executable, ROOT / "tune/sync.py", "--study", STUDY, "--json"]
    for _ in range(2):
        subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
        runs, _ = tracked(tmp_path / "studies/mlflow.db")
        assert len(runs) == 21 and {status for _, status in runs} == {"FINISHED"}
    assert len(list((tmp_path / "studies").glob("*.damaged-*"))) == 2
