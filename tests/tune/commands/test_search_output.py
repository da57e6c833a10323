"""What a search says: sentences and tables for people, one JSON object a line for programs, and its exit code."""

import io
import json
import re
from types import SimpleNamespace

import pytest
from rich.console import Console

from fernn.flops import Work
from tests.support.stored_study import finished_study, planned_study
from tune.commands.notifier import Notifier
from tune.commands.search_output import (
    Outcome,
    SearchOutput,
    describe_cost,
    describe_data,
    describe_grid,
    describe_pages,
)
from tune.core.study import StudyError
from tune.engine.bill import Bill
from tune.engine.budget import Shortage
from tune.engine.cost import Cost, Pace
from tune.engine.packing import Reading
from tune.engine.roofline import Roofline
from tune.planning.budget import Limit

SPACE = {"model": ("grnn",), "optim.lr": (1e-2, 1e-3), "seed": (0,)}
HITS = {("grnn", 1e-2, 0): (5, 5)}


@pytest.fixture
def study(tmp_path):
    """One cell of two is done."""
    return finished_study(tmp_path / "s", SPACE, HITS)


@pytest.fixture
def spoken():
    """The output for people, and a function with the lines that it has printed."""
    file = io.StringIO()
    return SearchOutput(given=Console(file=file, width=200)), lambda: file.getvalue().splitlines()


@pytest.fixture
def told():
    """The output for programs, and a function with the events that it has printed."""
    file = io.StringIO()
    return SearchOutput(file), lambda: [json.loads(line) for line in file.getvalue().splitlines()]


def planned(study, manifest, first=""):
    return SimpleNamespace(study=study, home="datasets/kth/8px", manifest=manifest, first=first)


def test_a_cost_has_gpu_hours_and_a_price_where_there_are_any():
    assert describe_cost(None) == "its cost is not known"
    assert describe_cost(Cost(7200.0, 0.0, 2, 3_000_000, Pace())) == (
        "about 2.0 h with 2 at once (from probed steps of each model), 3.0 MB of checkpoints"
    )
    assert ", 1.5 GPU-hours, a price of 3.00, " in describe_cost(Cost(60.0, 1.5, 1, 1, Pace(), 3.0))


def test_a_plan_has_bounds_and_how_near_each_model_comes_to_the_peak(study, spoken, told):
    rooflines = {("grnn", ""): Roofline(Work(2e9, 1e6), 100.0, "NVIDIA H200", 1e12)}
    bounds = Cost(7200.0, 2.0, 4, 10, Pace(), 8.0, Bill(3600.0, 0.5), rooflines)
    plan = planned(study, SimpleNamespace(num_clips=7))
    spoken[0].planned(plan, bounds)
    text = "\n".join(spoken[1]())
    assert "about 60 min to 2.0 h with 4 at once (from probed steps of each model; trials that share a GPU slow" in text
    assert "0.5 to 2.0 GPU-hours, a price of 2.00 to 8.00" in text
    assert (
        "\ngrnn: 2 GFLOP and 1 MB a clip in training, 200 GFLOP/s, 20.0% of the peak of NVIDIA H200 (1 TFLOP/s)" in text
    )
    told[0].planned(plan, bounds)
    told[0].planned(plan, Cost(60.0, 1.5, 1, 1, Pace(), 3.0))
    ranged, single = told[1]()
    assert (ranged["least_gpu_hours"], ranged["gpu_hours"], ranged["least_price"], ranged["price"]) == (
        0.5,
        2.0,
        2.0,
        8.0,
    )
    assert ranged["models"][0]["model"] == "grnn" and ranged["models"][0]["share_of_peak"] == 0.2
    assert (single["least_seconds"], single["least_gpu_hours"], single["least_price"]) == (60.0, 1.5, 3.0)


def test_a_plan_says_the_share_by_kind_of_gpu(study, spoken, told):
    roofline = Roofline(Work(2e9, 1e6), 100.0, "Tesla T4", 1e12)
    places = {("grnn", "A100"): 0.25, ("grnn", "T4"): 1.0}
    cost = Cost(60.0, 1.5, 5, 1, Pace(), rooflines=dict.fromkeys(places, roofline), shares=places)
    spoken[0].planned(planned(study, SimpleNamespace(num_clips=7)), cost)
    assert "\ngrnn on T4: trials hold 1 of a GPU; 2 GFLOP and 1 MB a clip in training" in "\n".join(spoken[1]())
    told[0].planned(planned(study, SimpleNamespace(num_clips=7)), cost)
    (event,) = told[1]()
    found = [(model["model"], model["kind"], model["gpus"]) for model in event["models"]]
    assert found == [("grnn", "A100", 0.25), ("grnn", "T4", 1.0)]


def test_readings_of_trials_side_by_side_are_shown_by_kind(spoken):
    reading = Reading(1, 1, 1.0, 50.0, 0.2)
    spoken[0].packed({("grnn", "T4"): [reading], ("3dcnn", "T4"): [reading]})
    shown = [line.split() for line in spoken[1]()]
    assert any({"grnn", "on", "T4", "chosen"} <= set(words) for words in shown)


def test_programs_read_what_is_left(study, told):
    output, events = told
    row = {"epoch": 1, "best/accuracy": 0.5, "time/clips_per_second": 9.0}
    row |= {"time/train_seconds": 3600.0, "time/validation_seconds": 0.0}
    with output.progress(study, list(study.cells), Pace({"grnn": 1.0}, {}, {"grnn": 0.5})):
        output.on_epoch(study.cells[0], row)
    epochs = sum(cell.experiment.epochs for cell in study.cells)
    (event,) = events()
    assert event["seconds_left"] is None and event["gpu_hours_left"] == (epochs - 1) * 0.5


def test_data_is_named_with_its_marks_or_with_what_comes_first(tmp_path):
    whole = planned_study(tmp_path / "a", SPACE)
    assert describe_data(planned(whole, None, "downloads it")) == (
        "not prepared yet, goes to datasets/kth/8px: a run downloads it"
    )
    manifest = SimpleNamespace(num_clips=7)
    assert describe_data(planned(whole, manifest)) == "datasets/kth/8px, 7 clips"
    marked = planned_study(tmp_path / "b", SPACE, demo=True, partial=("clip",), stand_in="other clips")
    assert describe_data(planned(marked, manifest)).endswith(
        f", DEMO: {marked.cells[0].experiment.data.demo_note}, STAND-IN: other clips, PARTIAL: clip missing or skipped"
    )


def test_a_grid_is_counted_by_dimension(study):
    assert describe_grid(study) == "1 model × 2 lr × 1 seed"


def test_pages_of_a_server_need_no_command():
    assert describe_pages("http://host", {"models": "http://host/m"}) == ["MLflow, models: http://host/m"]
    command, link = describe_pages("sqlite:///a b.db", {"models": "m"})
    assert command.endswith("mlflow ui --backend-store-uri 'sqlite:///a b.db'") and link == "MLflow, models: m"


def test_people_read_what_failed_and_how_to_go_on(study, spoken):
    output, lines = spoken
    assert output.left(Outcome(study, {study.cells[1]: "no room"}, {}, ["MLflow is behind"])) == 1
    assert lines() == [
        "grnn lr 0.001 seed 0 failed: no room",
        "MLflow is behind",
        "1 of 2 cells have no result: run the same command again to go on",
    ]


def test_cells_that_a_budget_left_have_a_code_of_their_own(study, spoken, told):
    limit, cost = Limit("--max-gpu-hours 4", "gpu_hours", 4.0), Cost(120.0, 1.0, 1, 0, Pace(), 2.5)
    for output in (spoken[0], told[0]):
        with output.progress(study, [study.cells[1]], cost.pace):
            output.budget_reached(limit, cost)
        assert output.left(Outcome(study, {}, {})) == 3
    epochs = study.cells[1].experiment.epochs
    rest = f"--max-gpu-hours 4 is reached, {epochs} epochs of 1 cells are left, about 2 min, 1.00 GPU-hours"
    assert spoken[1]()[-1] == f"1 of 2 cells have no result: {rest}, a price of 2.50; give more to go on"
    assert told[1]()[-1]["budget"] == {
        "reached": "--max-gpu-hours 4", "cells": 1, "epochs": epochs, "seconds": 120.0, "gpu_hours": 1.0, "price": 2.5,
    }  # fmt: skip
    spoken[0].budget_reached(None, cost)
    assert spoken[0].left(Outcome(study, {}, {})) == 1


def test_a_plan_names_the_budgets_that_it_exceeds(study, spoken, told):
    over = [Shortage(Limit("--max-gpu-hours 40", "gpu_hours", 40.0), 52.0, 52.0, 40.0)]
    for output in (spoken[0], told[0]):
        output.planned(planned(study, SimpleNamespace(num_clips=7)), Cost(60.0, 52.0, 1, 1, Pace()), over)
    assert spoken[1]()[-1] == over[0].line() and told[1]()[0]["over_budget"] == [over[0].facts()]


def test_people_elsewhere_read_start_budget_and_end_and_what_they_missed_is_said(study, spoken, capsys):
    output, sent, lines = spoken[0], [], spoken[1]
    hook = SimpleNamespace(
        send=sent.append, close=lambda seconds: "1 of 3 notices could not be delivered: host is away"
    )
    output.notifier = Notifier(hook, 60.0)
    limit, cost = Limit("--stop-after 6h", "seconds", 21600.0), Cost(86400.0, 0.0, 1, 0, Pace())
    output.started(planned(study, SimpleNamespace(num_clips=7)), cost, [Shortage(limit, 86400.0, 86400.0, 21600.0)])
    with output.progress(study, [study.cells[1]], cost.pace):
        output.budget_reached(limit, cost)
    output.results(study, "http://host", {})
    assert output.left(Outcome(study, {study.cells[1]: "no room"}, {})) == 3
    start, budget, end = sent
    assert start["text"].startswith("s: started: 1 cells to train; about 24.0 h with 1 at once")
    assert "over budget: about 24.0 h needed" in start["text"] and start["num_to_run"] == 1
    assert (budget["event"], budget["cells"], budget["seconds"]) == ("budget", 1, 86400.0)
    assert "\nmodel grnn, parameters 1,234, learning rate 0.01, n 1, " in end["text"] and end["code"] == 3
    assert "failed: no room" in end["text"] and end["missing"] == [study.cells[1].name]
    assert "warning: 1 of 3 notices could not be delivered: host is away" in lines()


def test_the_table_of_the_study_is_printed_with_its_remarks(study, spoken, capsys):
    output, _ = spoken
    output.results(study, "http://host", {})
    table = capsys.readouterr().out
    assert re.search(r"grnn +│ 1,234", table) and "0.500" in table and "INCOMPLETE: 1 of 2 cells" in table


def test_programs_read_a_word_for_every_status(study, told):
    output, events = told
    for status in ("running", "lost", "resting", "stopped", "waiting", "failed", "done"):
        output.on_status(study.cells[0], status)
    assert [event["event"] for event in events()] == [
        "started", "lost", "rested", "stopped", "proposed", "failed", "done",
    ]  # fmt: skip
    assert {event["cell"] for event in events()} == {study.cells[0].name}


def test_programs_read_metrics_without_nan_and_the_end_with_its_code(study, told):
    output, events = told
    output.on_epoch(study.cells[0], {"epoch": 1, "train/loss": float("nan"), "validation/accuracy": 0.5})
    assert output.left(Outcome(study, {study.cells[1]: "no room"}, {})) == 1
    assert output.refused(StudyError("no")) == 2 and output.interrupted() == 130
    epoch, end, *_ = events()
    assert epoch["metrics"] == {"train/loss": None, "validation/accuracy": 0.5}
    assert end["failed"] == {study.cells[1].name: "no room"} and end["missing"] == [study.cells[1].name]
    assert end["tracking_behind"] is None


def test_a_finished_study_ends_with_zero_unless_a_view_is_behind(tmp_path, spoken, told):
    done = finished_study(tmp_path / "s", {**SPACE, "optim.lr": (1e-2,)}, HITS)
    for output in (spoken[0], told[0]):
        assert output.left(Outcome(done, {}, {})) == 0
        assert output.left(Outcome(done, {}, {}, ["Optuna is behind"])) == 1
