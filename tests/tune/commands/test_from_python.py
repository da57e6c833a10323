"""Searches and measures from Python: what runs, what comes back, and what the process is like afterwards."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

import tune
from tests.support.stored_study import HITS, SPACE, finished_study
from tune import kth_search
from tune.commands import from_python
from tune.core.study import StudyError
from tune.measures.velocity_results import COLUMNS, VelocityResults

SMALL = {"model.hidden_channels": 4, "model.embedding_channels": [4], "data.size": 8}
SCRIPT = """
import json, os, signal, sys, threading, tune
options = json.loads(sys.argv[1])
tune.search  # importing Ray sets variables
before, numbers = dict(os.environ), (signal.SIGINT, signal.SIGTERM)
handlers, found = [*map(signal.getsignal, numbers)], []
def work():
    found.append(tune.search("kth", **options))
if "thread" in sys.argv:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
else:
    work()
same = before == dict(os.environ) and handlers == [*map(signal.getsignal, numbers)]
(study,) = found
epochs = int(study.cells["epochs_done"].max())
print(json.dumps({"same": same, "missing": len(study.missing), "failures": study.failures, "epochs": epochs}))
"""


@pytest.mark.parametrize("what", ["kth", kth_search.SEARCH], ids=["name", "own"])
def test_a_plan_has_the_cells_that_would_run(what, without_ray, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    before = dict(os.environ)
    study = tune.search(what, preset="demo", models=["grnn"], lrs=[1e-2], set=SMALL, cuda_graphs=False, plan=True)
    assert [*study.cells.status] == ["waiting"] * 2 == ["waiting"] * len(study.missing)
    assert "study kth-demo: 2 cells" in capsys.readouterr().err and not list(tmp_path.iterdir())
    assert dict(os.environ) == before
    with pytest.raises(StudyError, match="has no finished cell yet"):
        study.table()


def test_a_plan_of_a_study_that_grows_has_its_own_cells(tmp_path):
    study = finished_study(tmp_path / "s", SPACE, HITS)
    grown = replace(study, cells=study.cells[:2], space={**SPACE, "seed": (0, 1)})
    assert [*tune.OpenStudy(grown, is_plan=True).cells.seed] == [0, 1]
    assert len(tune.OpenStudy(grown).cells) == len(study.cells)


@pytest.mark.parametrize(
    ("what", "keywords", "message"),
    [
        ("kht", {}, "unknown search 'kht': did you mean 'kth'? it must be one of controlled, convection, kth, "),
        ("kth", {"epoch": 3}, "unknown keyword 'epoch': did you mean 'epochs'?"),
        ("kth", {"models": ["fern-v1"]}, "unknown model 'fern-v1': did you mean 'fernn-v1'?"),
        ("kth", {"stop_after": "6"}, "stop_after must be a time above 0 as 6h, 90m, 2d12h or 45s, got '6'"),
        ("kth", {"download": False}, "has no data: drop download=False, or give videos DIR or preset demo"),
    ],
)
def test_what_the_command_refuses_is_a_study_error_in_one_line(what, keywords, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StudyError) as refusal:
        tune.search(what, **keywords)
    assert message in str(refusal.value) and "\n" not in str(refusal.value)


def test_velocities_come_as_numbers_with_the_studys_remarks(tmp_path, monkeypatch):
    study = finished_study(tmp_path / "s", SPACE, HITS)
    points = [("grnn", 1e-3, "V0", 0.5, None, 3), ("grnn", 1e-3, "V1", 0.4, 0.1, 3)]
    asked = []

    class Results(VelocityResults):
        def points(self):
            return points

    def run(measure, options):
        asked.append(options)
        return study, Results(measure, study, []), ["MLflow is behind"]

    monkeypatch.setattr(from_python, "run", run)
    opened = tune.open_study("s", storage=str(tmp_path), tracking_uri="sqlite:///elsewhere.db")
    frame = tune.evaluate_velocity(opened, range=1, models=["grnn"])
    assert [*frame.columns] == [*COLUMNS] and [*frame["mean"]] == [0.5, 0.4] and frame.attrs["remarks"]
    (options,) = asked
    shared = SimpleNamespace(study=str(tmp_path / "s"), storage=str(tmp_path), tracking_uri="sqlite:///elsewhere.db")
    assert vars(shared).items() <= vars(options.shared).items()
    assert options.shared.models == ("grnn",) and options.own.range == 1


def test_velocities_that_cannot_be_measured_are_refused_with_keywords(tmp_path):
    finished_study(tmp_path / "s", SPACE, HITS)
    with pytest.raises(StudyError, match="models must name a model or more, of grnn, 3dcnn"):
        tune.evaluate_velocity(tmp_path / "s", models=[])


@pytest.mark.soak
@pytest.mark.parametrize(("thread", "epochs", "left"), [([], 5000, 2), (["thread"], 1, 0)])
def test_a_search_leaves_the_process_as_it_was(thread, epochs, left, prepared, tmp_path):
    """Stopped by Ctrl-C in the main thread, and run to its end in another."""
    options = {"data": str(prepared), "models": ["grnn"], "lrs": [1e-3], "seeds": [0, 1], "set": SMALL}
    line = [sys.executable, "-c", SCRIPT, json.dumps({**options, "epochs": epochs, "batch_size": 32}), *thread]
    with subprocess.Popen(line, cwd=tmp_path, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        while left and not list(tmp_path.glob("studies/*/cells/*/metrics.jsonl")):
            assert process.poll() is None
            time.sleep(0.2)
        if left:
            os.killpg(process.pid, signal.SIGINT)
        said = json.loads(process.communicate(timeout=200)[0].splitlines()[-1])
    assert process.returncode == 0
    assert said["epochs"] >= 1 and said | {"epochs": 1} == {"same": True, "missing": left, "failures": {}, "epochs": 1}
