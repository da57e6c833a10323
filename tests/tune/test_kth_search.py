"""The search as a user runs it: killed, continued, repeated; and what it refuses."""

import json
import os
import signal
import time
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from data.kth import data_set
from data.kth.prepare import PrepareConfig
from tests.support.disturbed import contents, tracked

SMALL = ["--lrs", "1e-3", "--batch-size", "32", "--set", "data.size=8"]
SMALL += ["--set", "model.hidden_channels=4", "--set", "model.embedding_channels=[4]"]
STUDY = Path("studies/kth-paper")


def finished(process, code=0):
    out, err = process.communicate(timeout=280)
    assert process.returncode == code, err
    return out, err


def times(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def wait_for(condition, process, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.02)


@pytest.mark.soak  # two minutes
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
    assert contents(tmp_path, STUDY.name) == contents(tmp_path / "unbroken", STUDY.name)
    assert len(contents(tmp_path, STUDY.name)) == 4
    assert not [path for path in (tmp_path / STUDY).rglob("*.tmp-*")]

    runs, steps = tracked(tmp_path / "studies/mlflow.db")
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
    assert tracked(tmp_path / "studies/mlflow.db") == (runs, steps)


def test_the_bare_command_plans_the_papers_sixty_cells(command, tmp_path):
    code, said = command("--plan")
    assert code == 0 and "60 cells (5 model × 4 lr × 3 seed), 0 done, 60 to run" in said.err
    assert "fernn-v2 lr 0.0003 seed 2" in said.err and "not prepared yet" in said.err
    hours = 60 * 500 * (1517 + 380 / 3) * 0.1 / 2 / 3600  # as if a training step took 0.1 s for a clip
    assert f"cost: about {hours / 24:.0f} days with 2 at once" in said.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--data", "nowhere"], "a run makes {0}/nowhere and downloads KTH's videos (1.15 GB) to {0}/nowhere"),
        (["--data", "kth-rael"], "a run makes {0}/kth-rael (did you mean {0}/kth-real?) and downloads"),
        (["--data", "kth-real"], "goes to {0}/kth-real/32px: a run downloads KTH's videos (1.15 GB) to {0}/kth-real"),
        (["--videos", "kth-real"], "a run prepares it there from kth-real"),
        (["--preset", "demo", "--data", "nowhere"], "a run makes {0}/nowhere and generates the data there"),
    ],
)
def test_a_plan_says_what_comes_before_training_where_there_is_no_data(arguments, said, command, tmp_path):
    (tmp_path / "kth-real").mkdir()
    for output in ([], ["--json"]):
        code, shown = command("--plan", "--models", "grnn", *arguments, *output)
        told = json.loads(shown.out)["first"] if output else shown.err
        assert code == 0 and said.format(tmp_path).partition("a run ")[2] in told
    assert [path.name for path in tmp_path.iterdir()] == ["kth-real"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--data", "file"], "there is no {0}/file/32px, and {0}/file is no folder"),
        (["--data", "file/below"], "and {0}/file is no folder"),
        (["--data", "nowhere", "--no-download"], "has no data: drop --no-download"),
        (["--data", "~nobody-here/kth"], "~nobody-here/kth is in no home folder"),
        (["--videos", "nowhere"], "--videos must name files that are there, nowhere is not"),
        (["--videos", "~nobody-here/kth"], "is in no home folder that is known here"),
    ],
)
def test_a_plan_refuses_data_that_cannot_be_there(arguments, said, command, tmp_path):
    (tmp_path / "file").write_text("")
    code, shown = command("--plan", "--models", "grnn", *arguments)
    assert code == 2 and said.format(tmp_path) in shown.err and len(shown.err.splitlines()) == 1


def test_a_plan_refuses_a_folder_that_may_not_be_written(command, tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)  # the tests may run as root, who may write anywhere
    code, shown = command("--plan", "--models", "grnn", "--data", "nowhere")
    assert code == 2 and f"{tmp_path} cannot be written: name the folder that has it" in shown.err


def test_figure_5_is_trained_without_motion_and_with_one_pixel(command):
    _, said = command("--preset", "figure5", "--plan")
    assert "study kth-figure5: 120 cells (5 model × 2 velocity_range × 4 lr × 3 seed)" in said.err
    assert "grnn, velocity_range 0 lr 0.001 seed 2" in said.err
    _, said = command("--preset", "figure5", "--data-velocity", "1", "--plan")
    assert "60 cells (5 model × 1 velocity_range × 4 lr × 3 seed)" in said.err


def test_data_of_another_resolution_is_refused_and_a_folder_of_one_resolution_is_found(command, prepared):
    code, said = command("--data", prepared)
    assert code == 2
    assert f"data.size is 32, but {prepared} has clips of 8x8: give --set data.size=8, or --videos DIR" in said.err
    code, said = command("--data", prepared / "8px", "--set", "data.size=8", "--plan")
    assert code == 0 and f"{prepared}/8px, " in said.err


def test_an_address_that_cannot_be_reached_names_the_ways_out(command, monkeypatch):
    monkeypatch.setattr(data_set, "PrepareConfig", partial(PrepareConfig, url="http://127.0.0.1:9/"))
    monkeypatch.setattr("data.sources.download.WAIT_S", 0)
    code, said = command()
    assert code == 2 and "--videos DIR" in said.err and "--preset demo" in said.err
