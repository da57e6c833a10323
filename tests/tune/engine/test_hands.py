"""Orders while a search runs, without Ray: taken up by a look, noted, and obeyed by the agenda."""

import pytest

from tests.support import simulated
from tests.support.tiny import study_in
from tune.core.orders import give_order, read_orders, taken_at
from tune.core.protocol import save_study
from tune.engine.agenda import Agenda
from tune.engine.hands import Hands
from tune.engine.workload import Workload
from tune.planning.resources import Resources

SPACE = {"model": ("grnn", "3dcnn"), "optim.lr": (1e-2,), "seed": (0, 1)}


@pytest.fixture
def study(tmp_path):
    study = study_in(tmp_path, SPACE)
    save_study(study)
    return study


@pytest.fixture
def heard():
    return []


@pytest.fixture
def hands(study, heard):
    return Hands(study, heard.append)


def agenda_of(study, hands):
    return Agenda(Workload(study, None, Resources(), (), (hands,)))


def names(cells):
    return [cell.name.partition("_")[0] + str(cell.experiment.seed) for cell in cells]


def test_paused_cells_start_after_they_are_resumed_and_a_running_one_ends_its_epoch(study, hands, heard):
    agenda = agenda_of(study, hands)
    running = agenda.take("0").cell
    order = give_order(study, "pause", "grnn_*")
    assert agenda.may_go_on("0", {"epoch": 1})
    hands.look()
    assert heard == [order] and taken_at(study.folder, order) is not None
    assert not agenda.may_go_on("0", {"epoch": 1})
    agenda.end("0", None)
    assert names([agenda.take("1").cell, agenda.take("2").cell]) == ["3dcnn0", "3dcnn1"]
    for trial in "12":
        agenda.end(trial, simulated.train(study, agenda.running[trial], 0.5))
    assert agenda.take("3") is None and not agenda.is_over()
    give_order(study, "resume")
    hands.look()
    assert agenda.take("3").cell == running


def test_stopped_cells_are_settled_until_they_are_resumed(study, hands):
    agenda = agenda_of(study, hands)
    give_order(study, "stop", "3dcnn_*")
    hands.look()
    assert names(simulated.run(agenda, lambda cell: 0.5, places=1)) == ["grnn0", "grnn1"]
    assert study.missing() == []
    give_order(study, "resume", "3dcnn_*")
    hands.look()
    assert names(simulated.run(agenda, lambda cell: 0.5, places=1))[:1] in (["3dcnn0"], ["3dcnn1"])


def test_cells_with_priority_start_next(study, hands):
    agenda = agenda_of(study, hands)
    assert not hands.has_priorities
    give_order(study, "prioritise", "*_seed1_*")
    hands.look()
    assert names(agenda.take(str(place)).cell for place in range(4)) == ["grnn1", "3dcnn1", "grnn0", "3dcnn0"]


def test_a_stop_ends_the_search_that_runs_and_not_the_next(study, hands):
    give_order(study, "stop")
    with hands:
        assert hands.ended() == "" and names([agenda_of(study, hands).take("0").cell]) == ["grnn0"]
        give_order(study, "stop")
        hands.look()
        assert hands.ended().startswith("stopped by ")


def test_a_look_that_finds_nothing_new_changes_nothing_and_one_that_fails_is_repeated(study, hands, heard, monkeypatch):
    hands.look()
    assert hands.version == 0 and heard == []
    looks = []

    def look():
        looks.append(1)
        if len(looks) == 1:
            raise OSError("the bucket does not answer")
        hands._closing.set()

    monkeypatch.setattr(hands, "look", look)
    monkeypatch.setattr("tune.engine.hands.LOOK_S", 0.01)
    hands._work()
    assert len(looks) == 2 and read_orders(study.folder).entries == []
