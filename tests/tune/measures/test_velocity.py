"""Velocity generalization of a study: measured once, resumed, refused, and shown in MLflow once."""

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from data.kth.prepare import folder_of
from data.manifest import Manifest
from fernn.experiment import Experiment
from fernn.generalization import VelocityGrid
from tune.analysis.results import model_rows
from tune.commands.evaluate import EvaluationOptions, Options, best_cell, chosen_cells, main, open_study, shown_row
from tune.core.cell_folder import BEST
from tune.core.cells import plan_cells
from tune.core.clips import find_data
from tune.core.folder import Folder
from tune.core.protocol import save_study
from tune.core.study import Study, StudyError
from tune.measures.registry import MEASURES
from tune.measures.velocity import PARTIAL, Settings
from tune.tracking.mlflow_tracker import Tracker

RADIUS = Settings(1)
WHOLE = "velocity.json"
SCRIPT = Path(__file__).parents[3] / "tune/velocity_eval.py"
VELOCITY = MEASURES["velocity"]


def measurement(study, cell, radius=RADIUS):
    (one,) = VELOCITY.measurements(study, [cell], radius)
    return one


def ignore(count):
    pass


def record_of(measurement):
    record = measurement.folder.folder.read_json(WHOLE)
    return {name: record[name] for name in ("subject", "grid", "drawn", "num_clips", "test_openings")}


def results_of(study):
    return VELOCITY.results(study, model_rows(study), RADIUS)


def measure_every_seed(study, footage):
    for row in model_rows(study):
        for one in row.chosen:
            measurement(study, one.cell).measure(footage, ignore)


def test_a_measurement_says_what_was_read_and_agrees_with_the_table(study, footage):
    one = measurement(study, study.cells[0])
    one.measure(footage, ignore)
    record = record_of(one)
    assert record["grid"]["vy"] == record["grid"]["vx"] == [-1, 0, 1]
    assert record["num_clips"] == 30 and record["test_openings"] == len(one.grid.names()) == 12
    assert record["drawn"]["V0"] == record["grid"]["accuracy"][1][1]
    assert record["drawn"]["V1"] == one.folder.done().metrics["test/accuracy"]  # trained on V_1, batches of 4
    assert one.folder.folder.read(PARTIAL) is None


def test_a_killed_measurement_goes_on_and_ends_in_the_same_numbers(study, footage, tmp_path):
    one = measurement(study, study.cells[0])
    one.measure(footage, ignore)
    expected = record_of(one)
    one.folder.folder.delete(WHOLE)

    counted = []

    def kill_in_the_third_line(count):
        counted.append(count)
        if sum(counted) == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        one.measure(footage, kill_in_the_third_line)
    assert list(one.lines()) == ["drawn", "-1"] and one.result() is None
    counted.clear()
    one.measure(footage, counted.append)
    assert sum(counted) == 6 and record_of(one) == expected


def test_another_grid_and_other_weights_are_measured_anew(study, footage):
    one, wider = (measurement(study, study.cells[0], Settings(radius)) for radius in (0, 1))
    one.measure(footage, ignore)
    assert one.result() is not None and wider.result() is None
    wider.measure(footage, ignore)
    assert one.result() is None and wider.grid == VelocityGrid.of(one.cell.experiment.data, 1)
    assert wider.result()["grid"]["vy"] == [-1, 0, 1]
    assert record_of(wider)["test_openings"] == len(one.grid.names()) + len(wider.grid.names())
    one.folder.folder.write(BEST, study.cell_folder(study.cells[1]).folder.read(BEST))
    assert wider.result() is None


def test_every_seed_of_the_chosen_learning_rate_is_measured(study):
    rows = model_rows(study)
    cells = chosen_cells(study, rows, EvaluationOptions("s"), lambda: None)
    assert [(c.experiment.model.name, c.experiment.optim.lr, c.experiment.seed) for c in cells] == [
        ("grnn", rows[0].choice.rate, 0), ("grnn", rows[0].choice.rate, 1), ("3dcnn", 1e-2, 0), ("3dcnn", 1e-2, 1),
    ]  # fmt: skip
    assert chosen_cells(study, rows, EvaluationOptions("s", models=("3dcnn",)), None) == cells[2:]


def test_the_registered_cell_is_the_best_one(study, footage, tmp_path):
    tracker = Tracker(study, f"sqlite:///{tmp_path}/mlflow.db")
    row = model_rows(study)[0]
    with pytest.raises(StudyError, match="no model 's.grnn' with the alias 'best'"):
        best_cell(study, row, tracker)
    tracker.client.create_registered_model("s.grnn")
    odd = next(cell for cell in study.cells[:4] if cell.experiment.optim.lr != row.choice.rate)
    for version, (key, expected) in enumerate([(odd.key, odd), ("missing", None)], start=1):
        tracker.client.create_model_version("s.grnn", source=str(tmp_path), tags={"fernn.key": key})
        tracker.client.set_registered_model_alias("s.grnn", "best", version)
        if expected:
            assert chosen_cells(study, [row], EvaluationOptions("s", which="best"), lambda: tracker) == [odd]
        else:
            with pytest.raises(StudyError, match="is cell missing, which study 's' has not finished"):
                best_cell(study, row, tracker)
    measurement(study, odd).measure(footage, ignore)
    (model,) = VELOCITY.results(study, [shown_row(row, [odd])], RADIUS).models
    assert model.cells == [odd] and model.document()["lr"] == odd.experiment.optim.lr
    assert VELOCITY.results(study, [shown_row(row, [])], RADIUS) is None


def test_data_of_another_hash_is_refused(study, prepared):
    home = folder_of(prepared, 8)
    with pytest.raises(StudyError, match=f"has the hash {Manifest.read(home).hash}, study 's' was trained on hash:"):
        find_data(study, study.cells[0].experiment.data, "hash", str(prepared))
    with pytest.raises(StudyError, match="is not in .*nowhere.* say where it is with --data"):
        find_data(study, study.cells[0].experiment.data, "hash", "nowhere")


def test_mlflow_shows_each_view_once(study, footage, tmp_path):
    measure_every_seed(study, footage)
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    tracker = Tracker(study, uri)
    tracker.sync()
    assert tracker.log_results(results_of(study)) == 4 + 2 + 1
    runs, points = tracked(tmp_path / "mlflow.db")
    assert Tracker(study, uri).log_results(results_of(study)) == 0
    assert tracked(tmp_path / "mlflow.db") == (runs, points) and set(points.values()) == {1}
    model = results_of(study).models[0]
    shown = tracker.tree.read("model/grnn").data.metrics
    assert {name: shown[f"velocity/{name}"] for name in ("V2", "vy_1_vx_-1")} == {
        name: model.statistics[name][0] for name in ("V2", "vy_1_vx_-1")
    }
    key, values = model.cells[0].key, model.values(model.contents[0])
    assert tracker.tree.read(f"cell/{key}").data.metrics["velocity/V1"] == values["V1"]
    for node, picture in (("study", "curves"), ("model/3dcnn", "heatmap"), (f"cell/{key}", "heatmap")):
        names = {entry.path for entry in tracker.client.list_artifacts(tracker.tree.read(node).info.run_id, "velocity")}
        assert names == {f"velocity/{name}" for name in ("velocity.csv", "velocity.json", f"{picture}.png")}


def tracked(database):
    """MLflow's runs with their status, and how often each (run, metric, step) stands there."""
    with sqlite3.connect(database) as connection:
        runs = connection.execute("select run_uuid, status from runs order by 1").fetchall()
        points = connection.execute("select run_uuid, key, step, count(*) from metrics group by 1, 2, 3").fetchall()
    return runs, {point[:3]: point[3] for point in points}


def times(folder):
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name != "driver.lock"]
    return {path: path.stat().st_mtime_ns for path in paths}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--study", "t"], "unknown study 't': it must be one of s"),
        (["--study", "s", "--models"], "--models must name a model or more, of grnn"),
        (["--study", "s", "--models", "grn"], "unknown model with a finished cell 'grn': did you mean 'grnn'"),
        (["--study", "s", "--range", "5"], "--range must be from 0 to 4 pixels per frame"),
        (["--study", "s", "--range", "-1"], "--range must be from 0 to 4 pixels per frame"),
        (["--study", "s", "--tracking-uri", "http://127.0.0.1:9"], "--tracking-uri must be a server that answers"),
    ],
)
def test_a_command_that_cannot_run_is_refused_in_one_line(study, tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.setattr(sys, "argv", ["velocity_eval.py", "--storage", str(tmp_path), *arguments])
    assert main("velocity") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {message}")


def test_a_study_without_a_finished_cell_is_refused(tmp_path):
    save_study(Study("s", Folder(str(tmp_path / "s")), {}, plan_cells(Experiment(), {"model": ("grnn",)}, "hash")))
    with pytest.raises(StudyError, match="study 's' has no finished cell: run its search first"):
        open_study(VELOCITY, Options(EvaluationOptions("s", storage=str(tmp_path)), VELOCITY.settings()))


def finished(process):
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out, err


@pytest.mark.soak  # a minute
def test_the_command_measures_once_and_then_does_nothing(search, tmp_path, monkeypatch, capsys):
    finished(search("--models", "grnn", "--epochs", "1", "--seeds", "0"))
    arguments = ["--study", "kth-paper", "--range", "1"]
    command = [sys.executable, SCRIPT, *arguments]
    out, err = finished(
        subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    )
    assert "DEMO" in out and "grnn" in out and "12 of 12 velocities" in err and "nothing to do" not in err
    before, shown = times(tmp_path / "studies/kth-paper"), tracked(tmp_path / "studies/mlflow.db")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["velocity_eval.py", *arguments, "--json"])
    assert main("velocity") == 0
    out, err = capsys.readouterr()
    assert "nothing to do: 1 cells are measured" in err
    (model,) = json.loads(out)["models"]
    assert model["model"] == "grnn" and model["demo"] and model["training_range"] == 2
    assert set(model["accuracy"]) >= {"V0", "V1", "V2", "vy_-1_vx_1"}
    assert (times(tmp_path / "studies/kth-paper"), tracked(tmp_path / "studies/mlflow.db")) == (before, shown)
