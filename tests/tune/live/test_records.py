"""What the page has of cells and groups."""

import json
import math

import pytest

from tune.core.result import Result
from tune.core.status import CellStatus, statuses
from tune.live.records import (
    MOST_POINTS,
    cell_record,
    group_id,
    group_record,
    history_record,
    is_number,
    last_lines,
    law_records,
    mean_by_epoch,
    rounded,
    seconds_of,
    thinned,
    versioned,
)


@pytest.fixture
def states(study):
    return statuses(study)


def test_numbers_that_json_does_not_have_are_none():
    assert [rounded(value) for value in (None, math.nan, math.inf, 0.1234567)] == [None, None, None, 0.12346]


def test_a_cell_has_its_numbers_and_their_texts(study, states):
    done, waiting, *_ = (cell_record(study, state) for state in states)
    assert (done["status"], done["best"], done["best_text"], done["test_text"]) == ("done", 0.5, "0.500", "0.400")
    assert (waiting["status"], waiting["best"], waiting["test_text"], waiting["epoch"]) == ("waiting", None, "", 0)
    assert done["group"] == waiting["group"] == group_id(study, states[0]) == "grnn · lr 0.001"


def test_a_reason_is_told_by_its_last_lines_without_passwords(study, states):
    state = CellStatus(states[1].cell, states[1].folder, "failed", "\n".join(["1 s3://me:pw@host/x", *"23456"]))
    assert cell_record(study, state)["reason"] == "2\n3\n4\n5\n6"
    last = CellStatus(states[1].cell, states[1].folder, "failed", "s3://me:pw@host/x")
    assert cell_record(study, last)["reason"] == "s3://***@host/x" and last_lines(" a\n") == "a"


def test_a_group_is_the_mean_of_the_seeds_that_are_done_else_of_those_begun(study, states):
    label, (choice, other) = "grnn", study.groups["grnn"]
    begun = CellStatus(
        states[1].cell, states[1].folder, "running", rows=[{"validation/accuracy": 0.1, "best/accuracy": 0.1}]
    )
    group = group_record(study, label, choice, [states[0], begun])
    assert (group["best"], group["done"], group["begun"], group["seeds"]) == (0.5, 1, 2, 2) and group["means"] == [0.3]
    assert group_record(study, label, choice, [begun, begun])["best"] == 0.1
    assert group_record(study, label, other, states[2:])["best"] is None
    assert group["values"] == {"optim.lr": 0.001} and is_number(1) and not is_number(True)


def test_a_mean_is_over_the_seeds_that_have_come_so_far(states):
    rows = ([{"x": 1.0}, {"x": 3.0}], [{"x": 2.0}])
    made = [CellStatus(states[0].cell, states[0].folder, "running", rows=one) for one in rows]
    assert mean_by_epoch(made, "x") == [1.5, 3.0] and mean_by_epoch(made, "y") == []


@pytest.mark.parametrize("number", [0, 1, 2, MOST_POINTS, MOST_POINTS + 1, 1000])
def test_a_long_line_is_thinned_from_its_first_epoch_to_its_last(number):
    epochs, values = thinned([*map(float, range(1, number + 1))])
    assert [*map(float, epochs)] == values and len(epochs) <= MOST_POINTS + 1
    assert not number or (epochs[0], epochs[-1]) == (1, number)
    assert number > MOST_POINTS or len(epochs) == number


def test_law_errors_are_the_largest_of_a_models_cells(study, states):
    errors = [{"circular/float32": 1e-7, "own/float32": 0.3}, {"circular/float32": 1e-1}]
    made = [CellStatus(states[0].cell, states[0].folder, "done", result=Result(law_errors=one)) for one in errors]
    (record,) = law_records(study, made)
    assert record["errors"] == {"circular/float32": "1.0e-01", "own/float32": "3.0e-01"}
    assert "1.0e-01 in float32" in record["breaches"][0] and law_records(study, states) == []


def test_a_cells_history_has_its_lines_by_epoch(states):
    rows = [{"epoch": 1, "train/loss": math.nan, "validation/loss": 2.0}, {"epoch": 2, "train/loss": 1.0, "time/x": 1}]
    record = history_record(CellStatus(states[0].cell, states[0].folder, "running", "why", rows=rows))
    assert record["lines"] == {"train/loss": {"epochs": [1, 2], "values": [None, 1.0]}} and record["reason"] == "why"
    json.dumps(record, allow_nan=False)


def test_seconds_are_those_of_both_parts(states):
    state = CellStatus(
        states[0].cell, states[0].folder, "done", result=Result(train_seconds=2.0, validation_seconds=1.0)
    )
    assert seconds_of(state) == 3.0 and seconds_of(states[1]) is None


def test_a_record_keeps_the_version_in_which_it_last_changed():
    first = versioned({}, [{"cell": "a", "x": 1}, {"cell": "b", "x": 1}], "cell", 1)
    second = versioned(first, [{"cell": "a", "x": 1}, {"cell": "b", "x": 2}], "cell", 2)
    assert {name: version for name, (version, _) in second.items()} == {"a": 1, "b": 2}
