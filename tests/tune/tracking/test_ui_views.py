"""What MLflow's pages show: links to the saved views, and lines of curves that are told apart."""

import json

from tests.support.stored_study import finished_study, planned_study
from tune.analysis.results import model_rows
from tune.commands.search_output import describe_pages
from tune.tracking.ui_views import (
    color,
    curves_state,
    line_of,
    lines,
    links,
    mark_tags,
    models_state,
    study_note,
    view_tags,
)

SPACE = {"model": ("grnn", "3dcnn"), "optim.lr": (1e-3, 1e-2), "seed": (0,)}


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


def test_the_charts_show_the_models_of_the_table_or_all_while_there_is_none(tmp_path):
    study = finished_study(tmp_path / "s", SPACE, {("grnn", 1e-3, 0): (7, 5)})
    begun, finished = curves_state(study, []), curves_state(study, model_rows(study))
    assert begun["searchFilter"].endswith("LIKE 'cell/%'") and len(begun["groupsExpanded"]) == len(study.cells) == 4
    assert finished["searchFilter"] == "tags.`chosen` = 'True'"
    assert list(finished["groupsExpanded"]) == [f"tag.model and learning rate.{line_of(study, study.cells[0])}"]
    assert [chart["metricKey"] for chart in finished["compareRunCharts"]] == [
        "validation/accuracy", "best/test/accuracy", "train/loss",
    ]  # fmt: skip
    assert models_state(study)["orderByKey"] == "metrics.`test/accuracy_mean`"


def test_views_are_dated_by_the_last_cell_and_marked_as_the_table_is(tmp_path):
    plain, demo = (planned_study(tmp_path / name, SPACE, demo=name == "demo") for name in ("plain", "demo"))
    for study, is_marked in ((plain, False), (demo, True)):
        view = json.loads(view_tags(study, [], 5)["mlflow.sharedViewState.curves"])
        assert view["updatedAt"] == 5 and ("DEMO" in view["name"]) == is_marked == ("marks" in mark_tags(study))
    assert "0 of 4 cells are done" in study_note(plain, [], "7") and "#/experiments/7/" in study_note(plain, [], "7")
