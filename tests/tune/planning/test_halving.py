"""Successive halving: all seeds of a choice together, by their mean, whenever the search was stopped."""

from dataclasses import replace

import pytest

from tests.support import simulated
from tests.support.tiny import study_in
from tune.core.protocol import load_study, save_study
from tune.planning.halving import rungs
from tune.planning.schedule import next_segment

SPACE = {"model": ("grnn",), "optim.lr": (1e-1, 1e-2, 1e-3, 1e-4), "seed": (0, 1)}
ACCURACY = {1e-1: (0.9, 0.1), 1e-2: (0.6, 0.6), 1e-3: (0.4, 0.5), 1e-4: (0.7, 0.4)}  # means 0.5, 0.6, 0.45, 0.55


def halved(folder, **facts):
    return study_in(folder, facts.pop("space", SPACE), epochs=27, scheduler="halving", **facts)


def reach(study, cells, epoch):
    for cell in cells:
        simulated.reach(study, cell, epoch, ACCURACY[cell.experiment.optim.lr][cell.experiment.seed % 2])


def steps(study, failed=()):
    """The cells to train next, and the epoch at which all of them pause."""
    segment = next_segment(study, "grnn", failed)
    (until,) = {until for _, until in segment.steps} or {None}
    return [cell for cell, _ in segment.steps], until


def rates(cells):
    return [cell.experiment.optim.lr for cell in cells]


def stopped(study):
    return {cell.experiment.optim.lr for cell in study.cells if study.cell_folder(cell).stopped() is not None}


def test_rungs_are_thirds_and_not_too_early():
    assert rungs(500) == [18, 55, 166] and rungs(27) == [3, 9] and rungs(16) == [5] and rungs(2) == []


def test_the_best_third_of_the_means_goes_on_with_all_its_seeds(tmp_path):
    study = halved(tmp_path)
    assert steps(study) == (list(study.cells), 3)
    reach(study, study.cells[:6], 3)
    assert next_segment(study, "grnn").steps[:2] == ((study.cells[6], 3), (study.cells[7], 3))
    assert stopped(study) == set()  # all must be there
    reach(study, study.cells, 3)
    segment = next_segment(study, "grnn")
    assert stopped(study) == set(rates(segment.stopped)) == {1e-1, 1e-3} and len(segment.stopped) == 4
    cells, until = steps(study)
    assert until == 9 and rates(cells) == [1e-2, 1e-2, 1e-4, 1e-4]
    assert "not in the best 2 of 4 learning rates" in study.cell_folder(study.cells[0]).stopped()
    reach(study, cells, 9)
    cells, until = steps(study)
    assert (until, rates(cells), stopped(study)) == (None, [1e-2, 1e-2], {1e-1, 1e-3, 1e-4})


def test_who_is_among_the_best_whatever_the_others_reach_goes_on(tmp_path):
    study = halved(tmp_path)
    reach(study, study.cells[:6], 3)
    assert next_segment(study, "grnn").steps[2:] == ((study.cells[2], 9), (study.cells[3], 9))  # of 0.5, 0.6, 0.45
    reach(study, study.cells[2:4], 9)
    assert len(next_segment(study, "grnn").steps) == 2  # at the next rung they wait for the others
    reach(study, study.cells[6:], 3)
    cells, until = steps(study)
    assert until == 9 and rates(cells) == [1e-4, 1e-4] and stopped(study) == {1e-1, 1e-3}


def test_a_rate_that_went_on_is_not_stopped_by_a_later_one(tmp_path):
    study = halved(tmp_path)
    reach(study, study.cells, 3)
    weak = [cell for cell in study.cells if cell.experiment.optim.lr == 1e-3]
    reach(study, weak[:1], 4)
    next_segment(study, "grnn")
    assert stopped(study) == {1e-1}


def test_a_new_seed_of_a_stopped_rate_is_stopped_and_one_of_a_kept_rate_runs(tmp_path):
    study = halved(tmp_path)
    reach(study, study.cells, 3)
    next_segment(study, "grnn")
    grown = halved(tmp_path, space={**SPACE, "seed": (0, 1, 2)})
    segment = next_segment(grown, "grnn")
    assert rates(segment.stopped) == [1e-1, 1e-3]
    assert [(cell.experiment.optim.lr, until) for cell, until in segment.steps] == [(1e-2, 3), (1e-4, 3)]


def test_a_diverged_seed_counts_as_zero_and_a_lost_one_ends_the_search(tmp_path):
    study = halved(tmp_path)
    reach(study, study.cells[:7], 3)
    failed = {study.cells[7]}
    assert steps(study, failed) == ([], None) and stopped(study) == set()
    folder = study.cell_folder(study.cells[7]).folder
    folder.write_json("failure.json", {"reason": "the GPU's memory ran out", "diverged": False})
    assert steps(study, failed) == ([], None) and stopped(study) == set()  # which says nothing about the rate
    folder.write_json("failure.json", {"reason": "the training loss is nan", "diverged": True})
    steps(study, failed)
    assert stopped(study) == {1e-3, 1e-4}  # 1e-4 has 0.7 and 0


def test_without_the_scheduler_stopped_cells_are_missing_again(tmp_path):
    study = halved(tmp_path)
    reach(study, study.cells, 3)
    steps(study)
    plain = study_in(tmp_path, SPACE, epochs=27)
    assert steps(plain) == (list(plain.cells), None)


@pytest.mark.parametrize("killed_after", [0, 1])
def test_a_driver_killed_between_two_seeds_stops_the_second_later(tmp_path, killed_after):
    study = halved(tmp_path)
    reach(study, study.cells, 3)
    study.cell_folder(study.cells[killed_after]).stop("why")
    steps(study)
    assert stopped(study) == {1e-1, 1e-3}
    assert study.cell_folder(study.cells[1 - killed_after]).stopped() == "why"


def test_a_study_of_an_earlier_version_says_asha(tmp_path):
    begun = halved(tmp_path)
    save_study(begun)
    facts = begun.folder.read_json("study.json")
    assert facts["scheduler"] == "halving"
    begun.folder.write_json("study.json", {**facts, "scheduler": "asha"})
    assert load_study(begun.folder).stops_early
    save_study(replace(begun, scheduler="none"))  # which keeps what the study was begun with
    assert begun.folder.read_json("study.json")["scheduler"] == "halving"
