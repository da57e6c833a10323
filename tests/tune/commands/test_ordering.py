"""``python tune/study.py pause|resume|stop|prioritise``."""

import json

import pytest

from tests.support.stored_study import planned_study
from tune.core.driver import driver_lock
from tune.core.orders import note_taken, read_orders

SPACE = {"model": ("grnn",), "optim.lr": (1e-3,), "seed": (0, 1)}


@pytest.fixture
def study(tmp_path):
    return planned_study(tmp_path / "s", SPACE)


def test_without_a_driver_an_order_holds_for_the_next_search_and_stops_are_carried_out(study, manage):
    code, out, err = manage("pause", "s", "--cells", "*_seed0_*")
    assert code == 0 and "pause *_seed0_*, by " in err and "no driver works on it" in err
    assert manage("stop", "s", "--cells", "*_seed1_*")[0] == 0
    shown = json.loads(manage("show", "s", "--json")[1])
    assert [cell["status"] for cell in shown["cells"]] == ["paused", "stopped"]
    assert [order["action"] for order in shown["orders"]] == ["pause", "stop"] and study.missing() == [study.cells[0]]
    assert manage("resume", "s")[0] == 0
    assert [cell["status"] for cell in json.loads(manage("show", "s", "--json")[1])["cells"]] == ["waiting"] * 2


def test_there_must_be_a_search_to_stop_and_cells_to_name(study, manage):
    code, _, err = manage("stop", "s")
    assert code == 2 and err == "error: no driver works on study 's': there is no search to stop\n"
    code, _, err = manage("prioritise", "s", "--cells", "gru*")
    assert code == 2 and "'gru*' names none: grnn_lr0.001_seed0_" in err and read_orders(study.folder).entries == []


@pytest.mark.parametrize("takes", [True, False])
def test_a_drivers_answer_is_waited_for(study, manage, monkeypatch, takes):
    def sleep(seconds):
        for order in read_orders(study.folder).entries if takes else ():
            note_taken(study.folder, order)

    monkeypatch.setattr("tune.commands.ordering.time.sleep", sleep)
    monkeypatch.setattr("tune.commands.ordering.PATIENCE_S", 12.0 if takes else 0.01)
    with driver_lock(study.folder):
        code, out, err = manage("pause", "s")
        assert code == 0 and ("taken up after 0.0 s by pid" if takes else "has not taken it up") in err
        code, out, err = manage("stop", "s", "--json")
        assert code == 0, err
        facts = json.loads(out)
    assert (facts["taken_up_after_seconds"] is None) == (not takes)
