"""Cost so far and to come, from what the folder holds."""

from dataclasses import replace

import pytest

from tune.core.folder import ENTRIES
from tune.core.result import Result
from tune.core.status import CellStatus, statuses
from tune.live.outlook import gpus_held, outlook, paces, price_of, to_come
from tune.planning.ledger import LEDGER, Session

ROW = {"time/train_seconds": 3.0, "time/validation_seconds": 1.0}


@pytest.fixture
def states(study):
    """Done with half a GPU, begun, waiting and failed."""
    cells = [replace(state.cell, experiment=replace(state.cell.experiment, epochs=10)) for state in statuses(study)]
    done = Result(train_seconds=30.0, validation_seconds=10.0, machine={"held": {"gpus": 0.5}})
    given = (("done", 10, done), ("running", 4, Result()), ("waiting", 0, Result()), ("failed", 2, Result()))
    return [
        CellStatus(cell, study.cell_folder(cell), status, rows=[ROW] * epochs, result=result)
        for cell, (status, epochs, result) in zip(cells, given, strict=True)
    ]


def test_what_is_left_takes_what_epochs_took_so_far(study, states):
    left = to_come(study, states, price=2.0)
    assert (left["cells"], left["epochs"], left["running"]) == (2, 16, 1)
    assert left["trial_seconds"] == left["seconds"] == pytest.approx(16 * 4.0)
    assert left["gpu_hours"] == pytest.approx(16 * 4.0 * 0.5 / 3600) and left["price"] == 2 * left["gpu_hours"]
    assert paces(study, states) == {"grnn": 4.0} and gpus_held(study, states) == {"grnn": 0.5}


def test_what_no_epoch_told_is_not_known(study, states):
    left = to_come(study, states[2:3], price=None)
    assert (left["cells"], left["epochs"]) == (1, 10)
    assert [left[name] for name in ("trial_seconds", "seconds", "gpu_hours", "price")] == [None] * 4


def test_cells_that_a_sampler_has_to_propose_count_as_much_as_those_there(study, states):
    ranges = {"optim.lr": {"log": [1e-4, 1e-1]}}
    sampled = replace(study, sampling={"num_samples": 3, "sampler": "tpe", "ranges": ranges})
    assert sampled.num_to_come == 2
    assert to_come(sampled, states, None)["cells"] == 4 and to_come(sampled, states, None)["epochs"] == 36


def test_what_was_spent_is_the_ledgers(study, states):
    searches = [Session("a", 1.0, 2.0, 60.0, 0.5, 2.0), Session("b", 3.0, 4.0, 60.0, 0.0)]
    study.folder.write_sealed(LEDGER, {ENTRIES: [one._asdict() for one in searches]})
    cost = outlook(study, states)
    assert cost["spent"] == {"seconds": 120.0, "gpu_hours": 0.5, "price": 1.0, "searches": 2}
    assert cost["to_come"]["price"] is not None and price_of(searches) == 2.0 and price_of([]) is None


def test_a_damaged_ledger_is_told_in_the_place_of_its_numbers(study, states):
    study.folder.write(LEDGER, b"{")
    cost = outlook(study, states)
    assert cost["spent"] is None and "spent.json" in cost["unknown"] and cost["to_come"]["cells"] == 2
