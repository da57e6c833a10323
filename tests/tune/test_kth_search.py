"""The search as a user runs it: killed, continued, repeated; and what it refuses."""

import json
import os
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from data.kth.prepare import prepare
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


def test_a_plan_can_be_read_by_a_program(command):
    _, said = command("--plan", "--json", "--sampler", "tpe", "--models", "grnn")
    plan = json.loads(said.out)
    assert (plan["event"], plan["num_cells"], plan["num_to_come"]) == ("plan", 12, 24)
    assert len(plan["to_run"]) == 12 and plan["seconds"] > 0


@pytest.mark.parametrize(("answer", "arguments"), [("n", []), (None, ["--yes"])])
def test_a_search_that_wants_gpus_warns_and_asks_where_there_is_none(answer, arguments, command, monkeypatch, tmp_path):
    for stream in ("stdin", "stderr"):
        monkeypatch.setattr(f"sys.{stream}.isatty", lambda: True)
    monkeypatch.setattr("rich.console.Console.input", lambda *_, **__: answer)
    code, said = command("--models", "grnn", "--videos", str(tmp_path), *arguments)
    assert code == 2 and "warning: this search wants GPUs, and there is none: about" in said.err
    assert ("not started: give --address" in said.err) == (answer == "n")
    assert ("00sequences.txt" in said.err) == (answer is None)


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
        (["--study", "../elsewhere"], "--study must be a plain name without /"),
        (["--storage", "ftp://host/studies"], "--storage must be a folder or a URL that begins with s3://, gs://"),
        (["--storage", "50%"], "--storage must be without %"),
        (["--tracking-uri", "http://127.0.0.1:9"], "--tracking-uri must be a server that answers"),
        (["--no-download"], "has no data: drop --no-download, or give --videos DIR or --preset demo"),
        (["--seeds"], "--seeds must name at least one value"),
        (["--sampler", "tpe", "--num-samples", "0"], "--num-samples must be 1 or more, got 0"),
        (["--preset", "figure5", "--set", "data.velocity_range=1"], "cannot be set: use --data-velocity"),
        (["--num-samples", "3"], "--num-samples goes with --sampler tpe"),
        (["--sampler", "tpe", "--lrs", "1e-3"], "--lrs goes with --sampler grid"),
        (["--sampler", "tpe", "--lr-range", "1e-2", "1e-3"], "--lr-range must be LOW HIGH with 0 < LOW < HIGH"),
        (
            ["--cpus-per-trial", "3"],
            "got 3 and 0: the cluster has or can bring machines with 2 CPUs and 0 GPUs",
        ),
        (["--gpus-per-trial", "1"], "must fit on one machine, got 1 and 1"),
        (["--gpus-per-trial", "-1"], "--gpus-per-trial must be 0 or more, got -1"),
        (["--max-concurrent", "0"], "--max-concurrent must be 1 or more, got 0"),
    ],
)
def test_a_command_that_cannot_run_is_refused_in_one_line(arguments, message, command, tmp_path):
    code, said = command("--set", "model.hidden_channels=4", *arguments)
    assert code == 2
    (line,) = [line for line in said.err.splitlines() if not line.startswith(("warning: ", "measuring "))]
    assert line.startswith("error: ") and message in line
    assert not list(tmp_path.rglob("study.json"))


def test_a_plan_for_what_the_hardware_cannot_hold_is_refused(command):
    code, said = command("--plan", "--gpus-per-trial", "9")
    assert code == 2 and "must fit on one machine, got 1 and 9" in said.err


def test_data_of_another_resolution_is_refused_and_a_folder_of_one_resolution_is_found(command, prepared):
    code, said = command("--data", prepared)
    assert code == 2
    assert f"data.size is 32, but {prepared} has clips of 8x8: give --set data.size=8, or --videos DIR" in said.err
    code, said = command("--data", prepared / "8px", "--set", "data.size=8", "--plan")
    assert code == 0 and f"{prepared}/8px, " in said.err


def test_an_address_that_cannot_be_reached_names_the_ways_out(command, monkeypatch):
    monkeypatch.setitem(prepare.__kwdefaults__, "url", "http://127.0.0.1:9/")
    monkeypatch.setattr("data.sources.download.WAIT_S", 0)
    code, said = command()
    assert code == 2 and "--videos DIR" in said.err and "--preset demo" in said.err


def test_what_the_data_cannot_give_is_refused_before_the_study_is_begun(two_cpus, command, prepared, tmp_path):
    code, said = command("--data", prepared, *SMALL, "--set", "data.num_frames=40")
    (line,) = [line for line in said.err.splitlines() if line.startswith("error: ")]
    assert code == 2 and "a clip needs 80 frames, the longest range of the train split has 33" in line
    assert not (tmp_path / STUDY / "study.json").exists()


def test_a_study_grows_and_a_changed_protocol_is_another_study(two_cpus, command, prepared):
    one = ["--data", prepared, *SMALL, "--models", "grnn", "--seeds", "0", "--epochs", "1"]
    assert command(*one)[0] == 0
    for flag in ([], ["--plan"]):
        code, said = command(*one, "--protocol", "published", *flag)
        assert code == 2 and "was begun with data.protocol = 'default', not 'published'" in said.err
    code, said = command(*one, "--seeds", "0", "1", "--epochs", "2", "--json")
    events = [json.loads(line) for line in said.out.splitlines()]
    assert code == 0 and Counter(event["event"] for event in events) == {
        "plan": 1, "started": 2, "epoch": 3, "done": 2, "table": 1, "end": 1,
    }  # fmt: skip
    (row,) = events[-2]["rows"]
    assert row["n"] == 2 and 0 <= row["test_accuracy"] <= 1 and events[-1]["missing"] == []
