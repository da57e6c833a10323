"""The runs of a study in MLflow: nested, each once, and what a cell's run holds."""

import json
from dataclasses import replace

import pytest
from mlflow import MlflowClient

from tests.support.stored_study import finished_study, planned_study, shipped, shown
from tune.analysis.results import model_rows
from tune.core.choice import Choice
from tune.core.study import Cell
from tune.tracking.mlflow_tracker import Tracker
from tune.tracking.run_tree import (
    NODE,
    RunTree,
    choice_name,
    choice_node,
    dataset,
    metrics,
    move_artifacts,
    objective_means,
    params,
    pareto_tag,
    runs_of,
)

SPACE = {"model": ("grnn",), "optim.lr": (1e-3,), "seed": (0, 1)}


@pytest.fixture
def study(tmp_path):
    return finished_study(tmp_path / "s", SPACE, {("grnn", 1e-3, 0): (7, 5), ("grnn", 1e-3, 1): (8, 4)})


def uri(tmp_path):
    return f"sqlite:///{tmp_path}/mlflow.db"


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


def test_a_run_that_is_there_twice_is_kept_once(study, tmp_path):
    tracker = shipped(study, uri(tmp_path))
    expected, run = shown(tracker), tracker.tree.read(f"cell/{study.cells[0].key}")
    tags = {NODE: run.data.tags[NODE]}
    tracker.client.create_run(tracker.experiment_id, tags=tags, run_name="again", start_time=run.info.start_time + 1)
    assert shown(shipped(study, uri(tmp_path))) == expected


def test_runs_that_an_earlier_driver_closed_are_finished_with_the_study(study, tmp_path):
    tracker = Tracker(study, uri(tmp_path))
    tracker.sync()
    tracker.tree.close(complete=False)
    assert {status for _, status, *_ in shown(tracker).values()} == {"FINISHED", "KILLED"}
    assert {status for _, status, *_ in shown(shipped(study, uri(tmp_path))).values()} == {"FINISHED"}


def test_a_run_is_opened_once_marked_and_found_by_another_driver(tmp_path):
    client = MlflowClient(uri(tmp_path))
    experiment = client.create_experiment("e", f"{tmp_path}/artifacts")
    study = planned_study(tmp_path / "s", SPACE)
    data, fields = dataset(study, study.cells[0]), params(study.cells[0])
    tree = RunTree(client, experiment, {"fernn.demo": "True"})
    above = tree.open("study", "s", data)
    run = tree.open("cell/1", "seed0", data, above, fields)
    assert {node: opened.info.run_name for node, opened in tree.runs.items()} == {"study": "s", "cell/1": "seed0"}
    for opened in (tree, RunTree(client, experiment, {})):
        assert opened.open("cell/1", "another name", data, above, fields).info.run_id == run.info.run_id
    assert len(list(runs_of(client, experiment))) == 2
    tags = client.get_run(run.info.run_id).data.tags
    assert (tags["fernn.demo"], tags["mlflow.parentRunId"]) == ("True", above.info.run_id)
    tree.set_tags("cell/1", {"chosen": "True", "fernn.demo": None})
    tree.set_metrics("cell/1", {"loss": 0.5}, 1000, 3)
    read = tree.read("cell/1").data
    assert read.tags["chosen"] == "True" and "fernn.demo" not in read.tags and read.metrics == {"loss": 0.5}
    tree.set_tags("model/none", {"chosen": "True"})  # a run that is not there has nothing to change


def test_a_study_that_moved_takes_the_addresses_of_its_artifacts_along(tmp_path):
    client = MlflowClient(uri(tmp_path))
    experiment = client.create_experiment("e", f"{tmp_path}/before")
    run = client.create_run(experiment, tags={NODE: "study"})
    move_artifacts(uri(tmp_path), experiment, "/after")
    assert client.get_experiment(experiment).artifact_location == "/after"
    assert client.get_run(run.info.run_id).info.artifact_uri == f"/after/{run.info.run_id}/artifacts"


def test_a_cells_parameters_are_what_varies_or_configures(tmp_path):
    cell = planned_study(tmp_path / "s", SPACE).cells[0]
    fields = {param.key: param.value for param in params(cell)}
    assert fields["model.name"] == "grnn" and json.loads(fields["seed"]) == 0
    longer = Cell(replace(cell.experiment, epochs=cell.experiment.epochs + 1), cell.data_hash)
    changed = {param.key for param in params(longer) if fields[param.key] != param.value}
    assert changed == {"epochs"}


def test_a_row_is_a_metric_for_each_number_at_its_own_epoch_and_time():
    (metric,) = metrics({"epoch": 3.0, "time/recorded_at": 1.5, "train/loss": 0.25})
    assert (metric.key, metric.value, metric.step, metric.timestamp) == ("train/loss", 0.25, 3, 1500)


def test_a_choice_of_a_learning_rate_alone_keeps_its_node():
    alone = Choice((("optim.lr", 1e-3),))
    assert (choice_node("grnn", alone), choice_name(alone)) == ("lr/grnn/0.001", "lr0.001")
    more = Choice((("optim.lr", 1e-3), ("data.split", "it's")))
    assert (
        choice_node("grnn", more) == "choice/grnn/lr 0.001, split its" and choice_name(more) == "lr 0.001, split it's"
    )


def test_a_choice_on_the_front_has_a_tag_and_its_objectives(tuned):
    (row, _) = model_rows(replace(tuned, objectives=("validation/accuracy", "validation/psnr")))
    assert pareto_tag(row, row.choice) == {"pareto": "True"}
    assert objective_means(row, row.choice) == {"objective/validation/accuracy": 0.9}
    other = next(choice for choice in row.by_choice if choice != row.choice)
    assert pareto_tag(row, other) == {"pareto": None}
