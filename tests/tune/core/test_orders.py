"""Orders to a search: what holds is what the last one says, wherever it was written."""

import pytest

from tests.support import simulated
from tests.support.tiny import study_in
from tune.core.folder import DamagedError
from tune.core.orders import Orders, carry_out, give_order, note_taken, read_orders, taken_at
from tune.core.study import StudyError

SPACE = {"model": ("grnn", "3dcnn"), "optim.lr": (1e-2,), "seed": (0, 1)}


@pytest.fixture
def study(tmp_path):
    return study_in(tmp_path, SPACE)


def test_a_study_in_a_bucket_takes_orders_as_one_on_disk(bucket):
    study = study_in(bucket, SPACE)
    order = give_order(study, "stop", "*_seed1_*")
    assert carry_out(study, read_orders(study.folder)) == [study.cells[1], study.cells[3]]
    note_taken(study.folder, order)
    give_order(study, "resume")
    assert len(carry_out(study, read_orders(study.folder))) == 2 and taken_at(study.folder, order) is not None


def held(study):
    orders = read_orders(study.folder)
    return [cell.name.partition("_")[0] + str(cell.experiment.seed) for cell in study.cells if orders.holds(cell)]


def test_the_last_order_that_names_a_cell_counts(study):
    give_order(study, "pause", "grnn_*")
    assert held(study) == ["grnn0", "grnn1"]
    give_order(study, "pause")
    give_order(study, "resume", study.cells[0].key)
    assert held(study) == ["grnn1", "3dcnn0", "3dcnn1"]
    give_order(study, "resume")
    assert held(study) == []


def test_a_stop_holds_single_cells_but_of_a_whole_study_it_ends_one_search_only(study):
    give_order(study, "stop")
    assert held(study) == []
    give_order(study, "stop", "*_seed1_*")
    assert held(study) == ["grnn1", "3dcnn1"]


def test_the_latest_priority_is_the_highest(study):
    give_order(study, "prioritise", "*_seed1_*")
    give_order(study, "prioritise", "3dcnn_*")
    priorities = [read_orders(study.folder).priority(cell) for cell in study.cells]
    assert priorities == [0, 1, 2, 2]


def test_orders_say_who_gave_them_and_when_they_were_taken_up(study, monkeypatch):
    monkeypatch.setattr("tune.core.orders.getpass.getuser", lambda: "me")
    monkeypatch.setattr("tune.core.orders.socket.gethostname", lambda: "here")
    order = give_order(study, "pause", "grnn_*")
    assert order.text == "pause grnn_*, by me@here" and taken_at(study.folder, order) is None
    note_taken(study.folder, order)
    assert taken_at(study.folder, order) >= order.at
    assert read_orders(study.folder).entries == [order]  # the note is no order


def test_known_orders_are_not_read_again(study, monkeypatch):
    first = read_orders(study.folder)
    assert first == Orders([])
    order = give_order(study, "pause")
    known = read_orders(study.folder, first)
    monkeypatch.setattr(type(study.folder), "read_sealed", None)
    assert read_orders(study.folder, known).entries == [order]


def test_a_pattern_that_names_no_cell_is_refused_with_two_that_are_there(study):
    with pytest.raises(StudyError, match=r"'gru_\*' names none: grnn_lr0.01_seed0_\w+, grnn_lr0.01_seed1_"):
        give_order(study, "pause", "gru_*")
    assert read_orders(study.folder).entries == []


def test_stops_are_written_into_cells_that_are_not_done_and_taken_back(study):
    simulated.finish(study, study.cells[0], 0.5)
    give_order(study, "stop", "grnn_*")
    assert carry_out(study, read_orders(study.folder)) == [study.cells[1]]
    assert study.cell_folder(study.cells[1]).stopped_early()[1] and study.settled(study.cells[1])
    assert carry_out(study, read_orders(study.folder)) == []
    give_order(study, "resume", "grnn_*")
    assert carry_out(study, read_orders(study.folder)) == [study.cells[1]] and not study.settled(study.cells[1])


def test_a_stop_leaves_cells_that_diverged_or_that_a_scheduler_stopped(study):
    study.cell_folder(study.cells[0]).folder.write_json("failure.json", {"reason": "the loss is nan", "diverged": True})
    study.cell_folder(study.cells[1]).stop("worse")
    give_order(study, "stop", "*")
    assert carry_out(study, read_orders(study.folder)) == list(study.cells[2:])
    assert study.cell_folder(study.cells[1]).stopped_early() == ("worse", False)


def test_the_last_order_counts_also_where_an_earlier_ones_clock_was_ahead(study, monkeypatch):
    monkeypatch.setattr("tune.core.orders.time.time", lambda: 2000.0)
    give_order(study, "pause")
    monkeypatch.setattr("tune.core.orders.time.time", lambda: 1000.0)
    give_order(study, "resume")
    assert held(study) == []


def test_a_damaged_or_unknown_order_is_named(study):
    order = give_order(study, "pause")
    name = f"orders/{order.id}.order.json"
    study.folder.write_sealed(name, {"action": "explode", "cells": "", "who": "me", "at": 0.0})
    with pytest.raises(DamagedError, match="the action 'explode' is unknown; delete it"):
        read_orders(study.folder)
    study.folder.write(name, b"{}")
    with pytest.raises(DamagedError, match="not as it was written"):
        read_orders(study.folder)
