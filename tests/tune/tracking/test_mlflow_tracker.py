"""MLflow as a view: shipped again it stays the same, lost it is rebuilt, away it delays nothing."""

import json
import threading
import time
from contextlib import suppress
from dataclasses import replace

import pytest
from mlflow.exceptions import MlflowException

from fernn.train.run import Run
from tests.support.stored_study import finish_cell, finished_study, planned_study, said, shown
from tune.analysis.results import model_rows
from tune.commands.search_output import describe_pages
from tune.core.study import Cell, StudyError
from tune.services.databases import ViewError
from tune.tracking.mlflow_tracker import Tracker
from tune.tracking.run_tree import NODE
from tune.tracking.ui_views import CURVES, MODELS, color, lines, links, route
from tune.tracking.views import MLflowView, TrackingListener

SPACE = {"model": ("grnn", "3dcnn"), "optim.lr": (1e-3,), "seed": (0, 1)}
HITS = {(model, 1e-3, seed): (7 + seed, 5 - seed) for model in SPACE["model"] for seed in SPACE["seed"]}


@pytest.fixture
def study(tmp_path):
    return finished_study(tmp_path / "studies/s", SPACE, HITS, demo=True)


def uri(tmp_path, name="mlflow.db"):
    return f"sqlite:///{tmp_path}/{name}"


def view_of(tracker):
    """MLflow's view, open from the beginning."""
    view = MLflowView(tracker.study, tracker.uri)
    view.tracker = tracker
    return view


def shipped(study, uri):
    tracker = Tracker(study, uri)
    tracker.sync()
    tracker.summarise(model_rows(study))
    tracker.close(complete=True)
    return tracker


def test_shipping_again_changes_nothing_and_a_lost_database_is_rebuilt(study, tmp_path):
    tracker = shipped(study, uri(tmp_path))
    first, words = shown(tracker), said(tracker)
    assert len([node for node in first if node.startswith("cell/")]) == len(study.cells)
    assert {status for _, status, *_ in first.values()} == {"FINISHED"}
    for name in ("mlflow.db", "rebuilt.db"):
        tracker = shipped(study, uri(tmp_path, name))
        assert shown(tracker) == first and said(tracker) == words


def test_a_cells_run_holds_parameters_history_checkpoint_and_picture(study, tmp_path):
    tracker = shipped(study, uri(tmp_path))
    cell = study.cells[0]
    _, _, params, metrics = shown(tracker)[f"cell/{cell.key}"]
    assert params["optim.lr"] == str(cell.experiment.optim.lr) and params["key"] == cell.key
    rows = study.cell_folder(cell).history()
    assert [step for step, _ in metrics["validation/accuracy"]] == [row["epoch"] for row in rows]
    (run,) = tracker.client.search_runs([tracker.experiment_id], f"tags.`{NODE}` = 'cell/{cell.key}'")
    artifacts = {item.path for item in tracker.client.list_artifacts(run.info.run_id)}
    assert {"best", "config.json", "confusion-test.png", "predictions.parquet"} <= artifacts
    assert run.data.tags["fernn.demo"] == str(study.demo)


def test_the_best_checkpoint_of_each_model_has_the_alias(study, tmp_path):
    for tracker in (shipped(study, uri(tmp_path)), shipped(study, uri(tmp_path))):
        for row in model_rows(study):
            version = tracker.client.get_model_version_by_alias(f"s.{row.model}", "best")
            assert version.tags["fernn.key"] == row.best.key and row.best.experiment.seed == 1
            assert int(version.version) == 1 and "best/model.safetensors" in {
                item.path for item in tracker.client.list_artifacts(version.run_id, "best")
            }


def test_runs_are_nested_study_model_rate_seed(study, tmp_path):
    tracker = shipped(study, uri(tmp_path))
    runs = {run.data.tags[NODE]: run for run in tracker.client.search_runs([tracker.experiment_id])}
    names = {run.info.run_id: node for node, run in runs.items()}
    parents = {node: names.get(run.data.tags.get("mlflow.parentRunId")) for node, run in runs.items()}
    cell = study.cells[0]
    model, lr = cell.experiment.model.name, f"{cell.experiment.optim.lr:g}"
    assert parents[f"cell/{cell.key}"] == f"lr/{model}/{lr}"
    assert parents[f"lr/{model}/{lr}"] == f"model/{model}"
    assert parents[f"model/{model}"] == "study" and parents["study"] is None


def test_study_and_models_are_described(study, tmp_path):
    tracker = shipped(study, uri(tmp_path))
    notes = {node: tracker.run(node).data.tags["mlflow.note.content"] for node in ("study", "model/grnn")}
    assert "Learning rate: best mean of that over seeds" in notes["study"] and "DEMO" in notes["study"]
    mark, text = notes["model/grnn"].split("\n\n")
    assert mark == "**DEMO: rendered stick figures, not KTH**"
    assert text.startswith("Test accuracy 0.450 ± 0.071 (sample standard deviation) over 2 of 2 seeds")
    assert tracker.client.get_registered_model("s.grnn").description == notes["model/grnn"]
    tags, own, data = said(tracker)
    about = tags["mlflow.note.content"]
    assert about.startswith(mark) and "| grnn | 1,234 | 0.001 | 2 | 0.750 | 0.450 ± 0.071 |" in about
    assert all(f"({route(tracker.experiment_id, view)})" in about for view in (MODELS, CURVES))
    assert own["model/grnn"]["test accuracy"] == "0.450 ± 0.071" and own["model/grnn"]["marks"] == mark.strip("*")
    assert set(map(tuple, data.values())) == {(("kth", "hash"),)}


def test_the_views_are_written_once_and_follow_the_learning_rate_that_is_chosen(tmp_path, monkeypatch):
    space = {"model": ("grnn",), "optim.lr": (1e-2, 1e-3), "seed": (0,)}
    study = planned_study(tmp_path / "studies/s", space, partial=("person01",))
    found = []
    for cell, hits in zip(study.cells, ((5, 5), (8, 5)), strict=True):
        finish_cell(study, cell, hits)
        tags, own, _ = said(shipped(study, uri(tmp_path)))
        found.append([own[f"cell/{one.key}"].get("chosen") for one in study.cells if f"cell/{one.key}" in own])
    assert found == [["True"], [None, "True"]]
    envelope = json.loads(tags["mlflow.sharedViewState.curves"])
    state = json.loads(envelope["state"])
    assert "PARTIAL" in envelope["name"] and state["searchFilter"] == "tags.`chosen` = 'True'"
    assert list(state["groupsExpanded"]) == ["tag.model and learning rate.grnn · lr0.001"]
    again = Tracker(study, uri(tmp_path))
    monkeypatch.setattr(again.client, "set_experiment_tag", lambda *arguments: pytest.fail(f"again: {arguments}"))
    again.summarise(model_rows(study))


def test_what_else_is_searched_makes_models_of_their_own(tmp_path):
    space = {"model": ("grnn",), "data.velocity_range": (0, 1), "optim.lr": (1e-3,), "seed": (0,)}
    tracker = shipped(finished_study(tmp_path / "s", space, {("grnn", 1e-3, 0): (5, 5)}), uri(tmp_path))
    names = {run.info.run_name for run in tracker.client.search_runs([tracker.experiment_id])}
    assert {"grnn, velocity_range 0", "grnn, velocity_range 1", "seed0 · lr0.001 · grnn, velocity_range 1"} <= names
    assert tracker.run("model/grnn, velocity_range 0").data.metrics["test/accuracy_mean"] == 0.5
    for k in (0, 1):
        version = tracker.client.get_model_version_by_alias(f"s.grnn.velocity_range-{k}", "best")
        assert tracker.client.get_run(version.run_id).data.params["data.velocity_range"] == str(k)


def test_a_longer_training_of_the_same_cell_has_a_name_of_its_own(study, tmp_path):
    shipped(study, uri(tmp_path))
    cell = study.cells[0]
    longer = Cell(replace(cell.experiment, epochs=cell.experiment.epochs + 1), cell.data_hash)
    tracker = Tracker(replace(study, cells=(longer,)), uri(tmp_path))
    for _ in range(2):
        tracker.start(longer)
    names = [run.info.run_name for run in tracker.client.search_runs([tracker.experiment_id])]
    assert len(names) == len(set(names)) and "seed0 · lr0.001 · grnn · 501 epochs" in names


def test_a_cell_that_was_stopped_early_shows_its_epochs_and_why(tmp_path):
    halved = replace(planned_study(tmp_path / "studies/s", SPACE), scheduler="halving")
    cell = halved.cells[0]
    run, folder = Run.start(cell.experiment), halved.cell_folder(cell)
    folder.begin(run)
    folder.record({"epoch": 1, "validation/accuracy": 0.25, "best/accuracy": 0.25, "time/recorded_at": 1.0}, run)
    folder.stop("not in the best 1 of 2 learning rates")
    for _ in range(2):
        shown_run = shipped(halved, uri(tmp_path)).run(f"cell/{cell.key}")
        assert shown_run.info.status == "KILLED" and shown_run.data.metrics["validation/accuracy"] == 0.25
        assert shown_run.data.tags["fernn.stopped"] == "not in the best 1 of 2 learning rates"


def test_an_outage_delays_and_loses_nothing(study, tmp_path, monkeypatch):
    tracker = Tracker(study, uri(tmp_path))
    listener, cell = TrackingListener(view_of(tracker)), study.cells[0]

    def away(*arguments, **options):
        raise MlflowException("the server is away")

    with monkeypatch.context() as outage:
        for call in ("create_run", "log_batch", "update_run", "set_terminated"):
            outage.setattr(tracker.client, call, away)
        listener.on_status(cell, "running")
        listener.on_epoch(cell, study.cell_folder(cell).history()[0])
        listener.on_status(cell, "lost")
        listener.on_status(cell, "failed")
        listener.on_status(cell, "done")
        wait_for(lambda: not listener.pending)
        listener.close(20)
        with pytest.raises(MlflowException):
            tracker.sync()
    assert shown(shipped(study, uri(tmp_path))) == shown(shipped(study, uri(tmp_path, "undisturbed.db")))


def test_a_failed_cell_and_an_unfinished_study_are_closed(study, tmp_path):
    tracker = Tracker(study, uri(tmp_path))
    listener = TrackingListener(view_of(tracker))
    listener.on_status(study.cells[0], "running")
    listener.on_status(study.cells[1], "running")
    listener.on_status(study.cells[0], "failed")
    wait_for(lambda: not listener.pending)
    listener.close(20)
    tracker.close(complete=False)
    found = {node: status for node, (_, status, *_) in shown(tracker).items()}
    assert found[f"cell/{study.cells[0].key}"] == "FAILED" and found[f"cell/{study.cells[1].key}"] == "KILLED"
    assert found["study"] == "KILLED"


def test_numbers_of_a_study_that_grows_stand_at_a_step_each(tmp_path):
    grown = planned_study(tmp_path / "studies/s", {**SPACE, "model": ("grnn",)})
    for cell, hits in zip(grown.cells, ((5, 4), (7, 6)), strict=True):
        finish_cell(grown, cell, hits)
        for _ in range(2):
            tracker = shipped(grown, uri(tmp_path))
    assert shown(tracker)["model/grnn"][3]["validation/accuracy_mean"] == [(1, 0.5), (2, pytest.approx(0.6))]


def test_runs_that_an_earlier_driver_closed_are_finished_with_the_study(study, tmp_path):
    tracker = Tracker(study, uri(tmp_path))
    tracker.sync()
    tracker.close(complete=False)
    assert {status for _, status, *_ in shown(tracker).values()} == {"FINISHED", "KILLED"}
    assert {status for _, status, *_ in shown(shipped(study, uri(tmp_path))).values()} == {"FINISHED"}


def test_another_study_of_the_same_name_is_refused(study, tmp_path):
    shipped(study, uri(tmp_path))
    other = finished_study(tmp_path / "elsewhere/s", SPACE, HITS)
    with pytest.raises(StudyError, match="give this study another name with --study"):
        Tracker(other, uri(tmp_path))


@pytest.mark.parametrize("call", ["create_run", "log_batch", "create_model_version", "set_registered_model_alias"])
def test_what_a_server_kept_before_it_died_with_its_answer_is_not_doubled(study, tmp_path, monkeypatch, call):
    def dying(tracker):
        kept = getattr(tracker.client, call)

        def die(*arguments, **options):
            kept(*arguments, **options)
            raise MlflowException("the server died")

        return die

    with monkeypatch.context() as outage:
        for _ in range(2):  # drivers, of which each comes a few calls further
            tracker = Tracker(study, uri(tmp_path))
            outage.setattr(tracker.client, call, dying(tracker))
            for _ in range(2):
                with suppress(MlflowException):
                    tracker.sync()
                    tracker.summarise(model_rows(study))
    assert shown(shipped(study, uri(tmp_path))) == shown(shipped(study, uri(tmp_path, "undisturbed.db")))
    versions = Tracker(study, uri(tmp_path)).client.search_model_versions()
    assert len(versions) == len(study.space["model"])


def test_a_run_that_is_there_twice_is_kept_once(study, tmp_path):
    tracker = shipped(study, uri(tmp_path))
    expected, run = shown(tracker), tracker.run(f"cell/{study.cells[0].key}")
    tags = {NODE: run.data.tags[NODE]}
    tracker.client.create_run(tracker.experiment_id, tags=tags, run_name="again", start_time=run.info.start_time + 1)
    assert shown(shipped(study, uri(tmp_path))) == expected


def test_a_search_does_not_wait_for_a_server_that_hangs(study, tmp_path, monkeypatch):
    """Fifty epochs heard while the server hangs are shipped by one call once it answers."""
    tracker, cell = Tracker(study, uri(tmp_path)), study.cells[0]
    answers, calls, ship = threading.Event(), [], tracker.ship

    def slow(one):
        calls.append(one)
        assert answers.wait(20)
        ship(one)

    monkeypatch.setattr(tracker, "ship", slow)
    listener, began = TrackingListener(view_of(tracker)), time.monotonic()
    row = study.cell_folder(cell).history()[0]
    listener.on_epoch(cell, row)
    wait_for(lambda: len(calls) == 1)
    for _ in range(50):
        listener.on_epoch(cell, row)
    assert time.monotonic() - began < 5 and len(calls) == 1
    answers.set()
    wait_for(lambda: len(calls) == 2)
    listener.close(20)
    assert tracker.run(f"cell/{cell.key}").data.metrics["validation/accuracy"] == row["validation/accuracy"]
    assert len(calls) == 2


def test_a_search_that_has_ended_does_not_wait_for_a_server_that_hangs(study, tmp_path, monkeypatch):
    tracker, answers = Tracker(study, uri(tmp_path)), threading.Event()
    monkeypatch.setattr(tracker, "start", lambda cell: answers.wait(20))
    listener = TrackingListener(view_of(tracker))
    listener.on_status(study.cells[0], "running")
    listener.on_status(study.cells[1], "running")
    wait_for(lambda: listener.pending == 1)
    with pytest.raises(ViewError, match="does not answer"):
        listener.close(0.1)
    answers.set()
    listener.close(20)


def wait_for(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_last_lines_of_a_search_open_the_views():
    at_home = describe_pages("sqlite:////a b/mlflow.db", links("sqlite:////a b/mlflow.db", "7"))
    assert at_home[0].endswith("mlflow ui --backend-store-uri 'sqlite:////a b/mlflow.db'")
    place = "/#/experiments/7/runs?workflowType=machine_learning&viewStateShareKey="
    assert at_home[1:] == [
        f"MLflow, models: http://127.0.0.1:5000{place}models",
        f"MLflow, curves: http://127.0.0.1:5000{place}curves&compareRunsMode=CHART",
    ]
    assert (
        describe_pages("http://mlflow:80/", links("http://mlflow:80/", "7"))[0]
        == f"MLflow, models: http://mlflow:80{place}models"
    )


def test_lines_that_would_share_a_color_are_told_apart(tmp_path):
    space = {"model": ("fernn-v1", "fernn-v2", "grnn", "grnn-plus", "3dcnn"), "optim.lr": (1e-3, 1e-4), "seed": (0,)}
    study = planned_study(tmp_path / "s", space)
    assert color("grnn · lr0.001") == color("fernn-v1 · lr0.001") == 4  # as MLflow's page of charts draws them
    assert (color("grnn · lr0.01"), color("fernn-v1 · lr0.003")) == (8, 25)
    named = lines(study, [])
    assert len(set(map(color, named.values()))) == len(named) == 10
    assert all(name.rstrip("\u00a0") == line for line, name in named.items())
