"""A study that is watched: what it shows, and only what changed since a version."""

import json

import pytest

from tests.support import simulated
from tests.support.stored_study import finish_cell
from tune.core.driver import driver_lock
from tune.core.orders import give_order, note_taken


def names(document):
    return [cell["cell"] for cell in document["cells"]]


def test_the_first_document_is_whole(watch, study):
    found = watch.document()
    assert found["whole"] and names(found) == [cell.name for cell in study.cells] and len(found["groups"]) == 2
    assert found["counts"] == {"done": 1, "waiting": 3} and (found["epochs_done"], found["epochs"]) == (1, 2000)
    assert found["metric"]["name"] == "accuracy" and found["driver"] is None and found["problems"] == []
    assert found["findings"]["rows"][0][0] == "grnn" and not found["is_working"]
    json.dumps(found, allow_nan=False)


def test_later_ones_have_what_changed_since(watch, study):
    first = watch.document()
    again = watch.document(first["version"])
    assert (again["version"], names(again), again["groups"], again["findings"]) == (first["version"], [], [], None)
    simulated.reach(study, study.cells[3], 5, 0.25)
    grown = watch.document(first["version"])
    assert names(grown) == [study.cells[3].name] and grown["cells"][0]["epoch"] == 5 and not grown["whole"]
    assert [group["choice"] for group in grown["groups"]] == ["lr 0.01"] and grown["version"] != first["version"]
    finish_cell(study, study.cells[1], (6, 6))
    assert watch.document(grown["version"])["findings"]["rows"][0][3] == "2"
    assert names(watch.document(first["version"])) == [study.cells[1].name, study.cells[3].name]


def test_the_version_of_another_server_or_another_plan_gets_it_whole(watch, study):
    first = watch.document()
    assert watch.document("other.99")["whole"] and watch.document("nonsense")["whole"]
    plan = study.folder.read_json("study.json")
    study.folder.write_json("study.json", plan | {"space": plan["space"] | {"seed": [0]}})
    smaller = watch.document(first["version"])
    assert smaller["whole"] and names(smaller) == [study.cells[0].name, study.cells[2].name]


def test_orders_and_the_driver_are_shown(watch, study):
    first = watch.document()
    order = give_order(study, "pause", "*_seed1_*")
    paused = watch.document(first["version"])
    assert paused["counts"] == {"done": 1, "waiting": 1, "paused": 2} and len(paused["cells"]) == 2
    assert paused["orders"][0]["taken_up_at"] is None
    note_taken(study.folder, order)
    assert watch.document()["orders"][0]["taken_up_at"] >= order.at
    with driver_lock(study.folder):
        study.cell_folder(study.cells[2]).take_over()
        running = watch.document(paused["version"])
        assert running["driver"]["pid"] and running["counts"]["running"] == 1
    assert watch.document(running["version"])["counts"]["waiting"] == 1


def test_damaged_files_are_named_and_the_others_shown(watch, study):
    study.cell_folder(study.cells[0]).folder.write("done.json", b"{")
    order = give_order(study, "pause")
    study.folder.write(f"orders/{order.id}.order.json", b"{}")
    found = watch.document()
    assert found["counts"] == {"damaged": 1, "waiting": 3} and "done.json" in found["cells"][0]["reason"]
    assert len(found["problems"]) == 1 and ".order.json" in found["problems"][0]


def test_a_plan_that_cannot_be_read_is_told_until_it_can(watch, study):
    plan = study.folder.read("study.json")
    study.folder.write("study.json", b"{")
    assert "study.json cannot be read" in watch.document()["problems"][0]
    assert "study.json cannot be read" in watch.summary()["problems"][0]
    study.folder.write("study.json", plan)
    assert watch.document()["problems"] == [] and watch.summary()["num_cells"] == 4


def test_a_summary_is_one_line_of_a_list(watch):
    summary = watch.summary()
    assert (summary["study"], summary["data"], summary["num_cells"], summary["last_result_at"]) == (
        "s",
        "kth",
        4,
        1001.5,
    )


def test_a_cells_history_is_found_by_its_name(watch, study):
    assert watch.history(study.cells[0].name)["lines"]["validation/accuracy"] == {"epochs": [1], "values": [0.5]}
    assert watch.history("none") is None


def test_the_folder_is_looked_at_no_more_often_than_once_a_second(watch, study):
    watch.clock = lambda: 5.0
    first = watch.document()
    finish_cell(study, study.cells[1], (6, 6))
    assert watch.document(first["version"])["cells"] == []
    watch.refresh()
    assert len(watch.document(first["version"])["cells"]) == 1


def test_what_goes_wrong_in_the_background_is_raised_at_a_later_look(watch, study, monkeypatch):
    def broken(*given):
        raise ZeroDivisionError

    monkeypatch.setattr(watch._findings, "of", broken)
    assert not watch.document()["is_working"]
    finish_cell(study, study.cells[1], (6, 6))
    with pytest.raises(ZeroDivisionError):
        watch.document()
