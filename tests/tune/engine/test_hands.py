"""Orders while a search runs, without Ray: taken up by a look, noted, and obeyed by the agenda."""

import time

import pytest

from tests.support import simulated
from tests.support.tiny import Listener, study_in
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
    return Hands(study, heard.append, time.time())


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


def test_a_stop_ends_the_search_that_runs_or_prepares_and_not_the_next(study, heard):
    first = give_order(study, "stop")
    with Hands(study, heard.append, first.at + 1) as hands:
        assert hands.ended() == "" and names([agenda_of(study, hands).take("0").cell]) == ["grnn0"]
    assert heard == [first] and taken_at(study.folder, first) is not None
    second = give_order(study, "stop")
    with Hands(study, heard.append, first.at + 1e-4) as hands:  # the driver held the study, and prepared its search
        assert hands.ended().startswith("stopped by ")
    assert heard == [first, second]


def test_a_stop_names_cells_that_the_sampler_adds_later_too(study, hands):
    give_order(study, "stop", "*_seed1_*")
    hands.look()
    grown = study_in(study.folder.root, {**SPACE, "optim.lr": (1e-2, 1e-3)})
    hands.grown(grown)
    assert [grown.cell_folder(cell).stopped_early()[1] for cell in grown.cells] == [False, True] * 4


def test_those_who_listen_hear_of_stops_and_of_cells_that_go_on_again(study, hands):
    listener = Listener()
    agenda = Agenda(Workload(study, None, Resources(), [listener], (hands,)))
    assert agenda.take("0") is not None
    give_order(study, "stop", "3dcnn_*")
    hands.look()
    agenda.take("1")
    give_order(study, "resume")
    hands.look()
    agenda.take("2")
    assert [word for word, _ in listener.heard] == ["stopped", "stopped", "waiting", "waiting"]


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
