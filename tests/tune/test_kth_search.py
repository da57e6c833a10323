"""The search as a user runs it: killed, continued, repeated; and what it refuses."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tune.command import main
from tune.kth_search import SEARCH

STUDY = Path("studies/kth-paper")


def finished(process, code=0):
    out, err = process.communicate(timeout=280)
    assert process.returncode == code, err
    return out, err


def contents(folder):
    """What each cell holds, without what depends on the machine or the moment."""
    found = {}
    for cell in sorted((folder / STUDY / "cells").iterdir()):
        rows = [json.loads(line) for line in (cell / "metrics.jsonl").read_text().splitlines()]
        found[cell.name] = (
            [{name: value for name, value in row.items() if not name.startswith("time/")} for row in rows],
            (cell / "last/state.safetensors").read_bytes(),
            (cell / "best/model.safetensors").read_bytes(),
            pq.read_table(cell / "predictions.parquet").to_pydict(),
            json.loads((cell / "done.json").read_text())["metrics"],
        )
    return found


def times(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def tracked(folder):
    """MLflow's runs: names with their status, and how often each (run, metric, step) stands there."""
    with sqlite3.connect(folder / "studies/mlflow.db") as database:
        runs = database.execute("select name, status from runs").fetchall()
        steps = database.execute("select run_uuid, key, step, count(*) from metrics group by 1, 2, 3").fetchall()
    return runs, steps


def wait_for(condition, process, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.02)


def test_a_killed_search_goes_on_and_ends_in_the_same_numbers(search, tmp_path):
    out, _ = finished(search("--storage", tmp_path / "unbroken/studies"))
    assert "DEMO" in out and "mlflow ui" in out and "±" in out

    first = search()
    wait_for(lambda: list((tmp_path / STUDY).glob("cells/*/last/state.safetensors")), first)
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    assert not all((cell / "done.json").exists() for cell in (tmp_path / STUDY / "cells").iterdir())

    _, err = finished(search())
    assert "to run" in err
    assert contents(tmp_path) == contents(tmp_path / "unbroken")
    assert len(contents(tmp_path)) == 4
    assert not [path for path in (tmp_path / STUDY).rglob("*.tmp-*")]

    runs, steps = tracked(tmp_path)
    names = Counter(name for name, _ in runs)
    assert sum(names.values()) == len(names) == 1 + 2 + 2 + 4  # study, models, learning rates, cells
    assert {status for _, status in runs} == {"FINISHED"}
    assert {count for *_, count in steps} == {1}

    before = times(tmp_path / STUDY)
    _, err = finished(search())
    assert "4 done, 0 to run" in err
    assert {path: time for path, time in times(tmp_path / STUDY).items() if path.name != "driver.lock"} == {
        path: time for path, time in before.items() if path.name != "driver.lock"
    }
    assert tracked(tmp_path) == (runs, steps)


def test_the_bare_command_plans_the_papers_sixty_cells(tmp_path):
    script = Path(__file__).parents[2] / "tune/kth_search.py"
    done = subprocess.run([sys.executable, script, "--plan"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "60 cells (5 model × 4 lr × 3 seed), 0 done, 60 to run" in done.stderr
    assert "fernn-v2 lr 0.0003 seed 2" in done.stderr and "not prepared yet" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--models", "fern-v1"], "unknown model 'fern-v1': did you mean 'fernn-v1'"),
        (["--lrs", "0"], "optim.lr must be above 0, got 0"),
        (["--set", "model.widht=3"], "unknown field 'model.widht'"),
        (["--set", "optim.lr=1e-4"], "optim.lr is searched, so it cannot be set"),
        (["--set", "data.name=mnist"], "unknown data set 'mnist'"),
        (["--set", "nothing"], "--set must read FIELD=VALUE, got 'nothing'"),
        (["--preset", "demo", "--videos", "there"], "--videos goes with --preset paper"),
        (["--study", "../elsewhere"], "--study must be a plain name without '/'"),
        (["--storage", "s3://bucket/studies"], "--storage must be a folder that this machine has mounted"),
        (["--storage", "50%"], "--storage must be a path without %"),
        (["--tracking-uri", "http://127.0.0.1:9"], "--tracking-uri must be a server that answers"),
        (["--no-download"], "has no data: drop --no-download, or give --videos DIR or --preset demo"),
    ],
)
def test_a_command_that_cannot_run_is_refused_in_one_line(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ray.init", lambda **options: None)
    monkeypatch.setattr("ray.shutdown", lambda: None)  # other tests' Ray lives in this process
    monkeypatch.setattr("ray.cluster_resources", lambda: {"CPU": 2.0})
    monkeypatch.setattr("sys.argv", ["kth_search.py", "--set", "model.hidden_channels=4", *arguments])
    assert main(SEARCH) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and message in line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--cpus-per-trial", "4096"], "--cpus-per-trial must be 0 to the cluster's"),
        (["--set", "data.num_frames=40"], "a clip needs 80 frames, the longest range of the train split has 33"),
    ],
)
def test_what_the_cluster_or_the_data_cannot_give_is_refused_before_the_study_is_begun(
    search, arguments, message, tmp_path
):
    _, err = finished(search(*arguments), code=2)
    (line,) = [line for line in err.splitlines() if line.startswith("error: ")]
    assert message in line and "Traceback" not in err
    assert not (tmp_path / STUDY / "study.json").exists()


def test_a_changed_protocol_is_another_study(search, tmp_path):
    small = ["--models", "grnn", "--seeds", "0", "--epochs", "1"]
    finished(search(*small))
    _, err = finished(search(*small, "--protocol", "published"), code=2)
    assert "was begun with data.protocol = 'default', not 'published'" in err and "--study" in err
    out, err = finished(search("--models", "grnn", "--seeds", "0", "1", "--epochs", "1"))
    assert "1 done, 1 to run" in err and "±" in out
