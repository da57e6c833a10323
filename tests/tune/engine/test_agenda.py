"""Whole searches without Ray: in any order of events, killed or not, each ends in the same way."""

import random
from dataclasses import replace
from functools import partial

import pytest

from fernn.experiment import Experiment
from tests.support import simulated, tiny
from tests.support.tiny import Listener, study_in
from tune.core.cells import cells_at
from tune.core.choice import Domain
from tune.core.protocol import load_study, save_study
from tune.engine.agenda import Agenda
from tune.engine.workload import Control, Workload
from tune.planning.choices import with_choices
from tune.planning.resources import Resources
from tune.planning.sampling import Sampler

SPACE = {"model": ("grnn", "3dcnn"), "optim.lr": (1e-1, 1e-2, 1e-3, 1e-4), "seed": (0, 1, 2, 3)}
ONE_MODEL = {**SPACE, "model": ("grnn",)}
SMALL = {"model": ("grnn",), "optim.lr": (1e-1, 1e-2), "seed": (0, 1)}


def accuracy(cell):
    """Better for learning rates near 0.01; another draw for each cell."""
    rate, noise = cell.experiment.optim.lr, random.Random(cell.key).uniform(-0.01, 0.01)
    return {1e-1: 0.3, 1e-2: 0.9, 1e-3: 0.7, 1e-4: 0.2}.get(rate, rate) + noise


def agenda_of(study, *controls, replan=None, listeners=(), resources=None):
    save_study(study)
    return Agenda(Workload(study, None, resources or Resources(), listeners, controls), replan)


def outcome(study):
    """Of each cell, the number of its epochs, whether it has a result, and why it was stopped."""
    folders = [study.cell_folder(cell) for cell in study.cells]
    return [(len(folder.history()), folder.done() is not None, folder.stopped()) for folder in folders]


def test_a_grid_is_trained_in_the_plans_order_each_cell_once(tmp_path):
    study = study_in(tmp_path, SMALL)
    assert simulated.run(agenda_of(study), accuracy, places=1) == list(study.cells)
    assert simulated.run(agenda_of(study), accuracy) == [] and study.missing() == []


def test_no_more_trials_run_at_once_than_may(tmp_path):
    agenda = agenda_of(study_in(tmp_path, SMALL), resources=Resources(max_concurrent=2))
    assert [agenda.take(str(place)) is not None for place in range(3)] == [True, True, False]
    assert not agenda.is_over()


@pytest.mark.parametrize("scheduler", ["halving", "race"])
def test_what_stops_does_not_depend_on_the_order_of_events_or_on_kills(scheduler, tmp_path):
    found = []
    for seed in (0, 2, 5):
        study = study_in(tmp_path / str(seed), ONE_MODEL, epochs=27, scheduler=scheduler)
        if seed:
            simulated.run(agenda_of(study), accuracy, places=seed, seed=seed, most=3 * seed)
        simulated.run(agenda_of(study), accuracy, places=1 + seed, seed=seed)
        found.append(outcome(study))
    assert all(one == found[0] for one in found) and study.missing() == []
    stopped = [reason for _, _, reason in found[0] if reason is not None]
    assert 0 < len(stopped) < len(found[0])


def test_a_model_does_not_wait_for_the_rungs_of_another(tmp_path):
    agenda = agenda_of(study_in(tmp_path, SPACE, epochs=27, scheduler="halving"))
    slow = agenda.take("slow")
    assert slow.until == 3
    while (task := agenda.take("quick")) is not None:
        agenda.end("quick", simulated.train(agenda.study, task, accuracy(task.cell)))
    done = {cell.experiment.model.name for cell in agenda.study.cells if agenda.study.cell_folder(cell).done()}
    assert done == {"3dcnn"} and slow.cell.experiment.model.name == "grnn"


def test_a_choice_goes_on_that_is_among_the_best_whatever_the_others_reach(tmp_path):
    space = {"model": ("grnn",), "optim.lr": (1e-1, 1e-2, 1e-3, 1e-4), "seed": (0,)}
    agenda = agenda_of(study_in(tmp_path, space, epochs=27, scheduler="halving"))
    tasks = [agenda.take(str(place)) for place in range(4)]
    for place in (0, 1):
        agenda.end(str(place), simulated.train(agenda.study, tasks[place], accuracy(tasks[place].cell)))
    assert agenda.take("4") is None  # two of four go on, and two have not reached the rung
    agenda.end("2", simulated.train(agenda.study, tasks[2], accuracy(tasks[2].cell)))
    going = agenda.take("4")
    assert (going.cell.experiment.optim.lr, going.until) == (1e-2, 9) and agenda.take("5") is None


def test_a_failure_is_not_tried_again_and_stops_a_contest_but_not_the_other_models(tmp_path):
    study, listener = study_in(tmp_path, SPACE, epochs=27, scheduler="halving"), Listener()
    agenda = agenda_of(study, listeners=[listener])
    first = agenda.take("first")
    assert agenda.end("first", "the worker died") and agenda.failures == {first.cell: "the worker died"}
    simulated.run(agenda, accuracy)
    left = {cell.experiment.model.name for cell in study.missing()}
    assert left == {"grnn"} and not any(word == "stopped" and "grnn" in key for word, key in listener.heard)


def sampled(folder, number):
    def at(points):
        return cells_at(Experiment(), points, "hash", tiny.TINY)

    sampler = Sampler("tpe", number, {"optim.lr": Domain((), 1e-4, 1e-1, True)})
    study = study_in(folder, {**SPACE, "seed": (0, 1), "optim.lr": ()})
    return with_choices(study, sampler, [{"model": name} for name in SPACE["model"]], at)


def test_a_sampler_proposes_for_each_model_when_its_round_is_done_whatever_the_order_and_kills(tmp_path):
    found = []
    for seed in (0, 2):
        replan, listener = partial(sampled, tmp_path / str(seed), 6), Listener()
        for most in [7, 20, 10_000] if seed else [10_000]:
            agenda = agenda_of(replan(), replan=replan, listeners=[listener])
            simulated.run(agenda, accuracy, places=1 + 2 * seed, seed=seed, most=most)
        study = load_study(agenda.study.folder)
        assert study.missing() == [] and study.num_to_come == 0 and len(study.cells) == 2 * 6 * 2
        found.append({cell.key: accuracy(cell) for cell in study.cells})
    assert all(one == found[0] for one in found)
    assert [word for word, _ in listener.heard].count("waiting") <= 2 * 2 * 2  # the first round was planned before


class Rule(Control):
    """Forbids what it is told to."""

    def __init__(self, forbids=lambda cell: False, waits=False):
        self.forbids, self.is_waiting, self.end = forbids, waits, ""

    def may_start(self, cell):
        return not self.forbids(cell)

    def waits(self, cell):
        return self.is_waiting

    def may_go_on(self, cell, row):
        return row["epoch"] < 2

    def ended(self):
        return self.end


def test_what_may_not_start_is_left_and_the_search_ends_without_it(tmp_path):
    study = study_in(tmp_path, SMALL)
    rule = Rule(lambda cell: cell.experiment.seed == 1)
    allowed = [cell for cell in study.cells if not rule.forbids(cell)]
    assert simulated.run(agenda_of(study, rule), accuracy, places=1) == allowed
    assert [cell.experiment.seed for cell in study.missing()] == [1, 1]


def test_the_search_waits_for_what_is_only_paused_and_says_so(tmp_path):
    study, listener = study_in(tmp_path, SMALL), Listener()
    rule = Rule(lambda cell: True, waits=True)
    agenda = agenda_of(study, rule, listeners=[listener])
    assert agenda.take("0") is None and not agenda.is_over()
    rule.forbids, rule.version = (lambda cell: False), 1
    assert agenda.take("0").cell == study.cells[0]
    assert [word for word, _ in listener.heard] == ["paused"] * 4 + ["waiting"] * 4
    rule.end = "the budget is reached"
    assert agenda.take("1") is not None and not agenda.is_over()  # the queue asks whether it has ended
    agenda.end("0", None), agenda.end("1", None)
    assert agenda.is_over() and agenda.ended() == "the budget is reached"


def test_a_trial_goes_on_while_every_control_permits_it(tmp_path):
    agenda = agenda_of(study_in(tmp_path, SMALL, epochs=3), Rule(), Control())
    agenda.take("0")
    assert agenda.may_go_on("0", {"epoch": 1}) and not agenda.may_go_on("0", {"epoch": 2})
    assert agenda.may_go_on("0", {"epoch": 3})  # it only evaluates the cell


def test_cells_of_a_higher_priority_start_first(tmp_path):
    class Eager(Control):
        has_priorities = True

        def priority(self, cell):
            return cell.experiment.seed

    study = study_in(tmp_path, SMALL)
    order = [cell.experiment.seed for cell in simulated.run(agenda_of(study, Eager()), accuracy, places=1)]
    assert order == [1, 1, 0, 0]


def test_a_trial_without_room_goes_on_with_twice_the_share(tmp_path, capsys):
    study, resources = study_in(tmp_path, SMALL), Resources(0.5, 0.25)
    agenda = agenda_of(study, resources=resources)
    for share in (0.25, 0.5, 1.0):
        task = agenda.take("0")
        assert task.cell == study.cells[0] and task.shares == {"": (0.5, share)} and agenda.held(task.cell) == share
        assert agenda.end("0", "the GPU's memory ran out: CUDA out of memory.") == (share == 1.0)
    assert "goes on with 1 of a GPU" in capsys.readouterr().err and list(agenda.failures) == [study.cells[0]]
    assert agenda.take("1").shares == {"": (0.5, 1.0)} and agenda.held(study.cells[0]) == 1
    assert agenda.work.resources.of("another") == {"": (0.5, 0.25)}


def test_cells_of_a_study_that_a_person_stopped_take_no_part(tmp_path):
    study = study_in(tmp_path, SPACE, epochs=27, scheduler="race")
    for cell in study.cells[:4]:
        study.cell_folder(cell).stop("by me@here", by_hand=True)
    simulated.run(agenda_of(study), accuracy)
    assert [reason for *_, reason in outcome(study)[:4]] == ["by me@here"] * 4
    plain = replace(study, scheduler="none")
    assert set(study.cells[:4]).isdisjoint(plain.missing())
