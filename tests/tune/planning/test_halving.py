"""Successive halving: all seeds of a learning rate together, by their mean, whenever the search was stopped."""

from dataclasses import replace

import pytest

from tests.support.tiny import study_in
from tune.core.folder import sealed_line
from tune.core.protocol import load_study, save_study
from tune.planning.halving import next_segment, rungs

SPACE = {"model": ("grnn",), "optim.lr": (1e-1, 1e-2, 1e-3, 1e-4), "seed": (0, 1)}
ACCURACY = {1e-1: (0.9, 0.1), 1e-2: (0.6, 0.6), 1e-3: (0.4, 0.5), 1e-4: (0.7, 0.4)}  # means 0.5, 0.6, 0.45, 0.55


def halved(folder, **facts):
    return study_in(folder, facts.pop("space", SPACE), epochs=27, scheduler="halving", **facts)


def reach(study, cells, epoch):
    for cell in cells:
        accuracy = ACCURACY[cell.experiment.optim.lr][cell.experiment.seed % 2]
        rows = [sealed_line({"epoch": n, "best/accuracy": accuracy}) for n in range(1, epoch + 1)]
        study.cell_folder(cell).folder.write("metrics.jsonl", "".join(rows).encode())


def rates(cells):
    return [cell.experiment.optim.lr for cell in cells]


def stopped(study):
    return {cell.experiment.optim.lr for cell in study.cells if study.cell_folder(cell).stopped() is not None}


def test_rungs_are_thirds_and_not_too_early():
    assert rungs(500) == [18, 55, 166] and rungs(27) == [3, 9] and rungs(16) == [5] and rungs(2) == []


def test_the_best_third_of_the_means_goes_on_with_all_its_seeds(tmp_path):
    study = halved(tmp_path)
    assert next_segment(study, ()).until == 3 and len(next_segment(study, ()).cells) == 8
    reach(study, study.cells[:7], 3)
    assert (next_segment(study, ()).cells, stopped(study)) == ([study.cells[7]], set())  # all must be there
    reach(study, study.cells, 3)
    segment = next_segment(study, ())
    assert stopped(study) == set(rates(segment.stopped)) == {1e-1, 1e-3} and len(segment.stopped) == 4
    assert segment.until == 9 and rates(segment.cells) == [1e-2, 1e-2, 1e-4, 1e-4]
    assert "not in the best 2 of 4" in study.cell_folder(study.cells[0]).stopped()
    reach(study, segment.cells, 9)
    last = next_segment(study, ())
    assert (last.until, rates(last.cells), stopped(study)) == (None, [1e-2, 1e-2], {1e-1, 1e-3, 1e-4})


def test_a_rate_that_went_on_is_not_stopped_by_a_later_one(tmp_path):
    study = halved(tmp_path)
    reach(study, study.cells, 3)
    weak = [cell for cell in study.cells if cell.experiment.optim.lr == 1e-3]
    reach(study, weak[:1], 4)
    next_segment(study, ())
    assert stopped(study) == {1e-1}


def test_a_new_seed_of_a_stopped_rate_is_stopped_and_one_of_a_kept_rate_runs(tmp_path):
    study = halved(tmp_path)
    reach(study, study.cells, 3)
    next_segment(study, ())
    grown = halved(tmp_path, space={**SPACE, "seed": (0, 1, 2)})
    segment = next_segment(grown, ())
    assert rates(segment.stopped) == [1e-1, 1e-3]
    assert segment.until == 3 and rates(segment.cells) == [1e-2, 1e-4]


def test_a_diverged_seed_counts_as_zero_and_a_lost_one_ends_the_search(tmp_path):
    study = halved(tmp_path)
    reach(study, study.cells[:7], 3)
    failed = {study.cells[7]}
    assert next_segment(study, failed).cells == [] and stopped(study) == set()
    folder = study.cell_folder(study.cells[7]).folder
    folder.write_json("failure.json", {"reason": "the GPU's memory ran out", "diverged": False})
    assert next_segment(study, failed).cells == [] and stopped(study) == set()  # which says nothing about the rate
    folder.write_json("failure.json", {"reason": "the training loss is nan", "diverged": True})
    next_segment(study, failed)
    assert stopped(study) == {1e-3, 1e-4}  # 1e-4 has 0.7 and 0


def test_without_the_scheduler_stopped_cells_are_missing_again(tmp_path):
    study = halved(tmp_path)
    reach(study, study.cells, 3)
    next_segment(study, ())
    plain = study_in(tmp_path, SPACE, epochs=27)
    assert next_segment(plain, ()).cells == list(plain.cells) and next_segment(plain, ()).until is None


@pytest.mark.parametrize("killed_after", [0, 1])
def test_a_driver_killed_between_two_seeds_stops_the_second_later(tmp_path, killed_after):
    study = halved(tmp_path)
    reach(study, study.cells, 3)
    study.cell_folder(study.cells[killed_after]).stop("why")
    next_segment(study, ())
    assert stopped(study) == {1e-1, 1e-3}
    assert study.cell_folder(study.cells[1 - killed_after]).stopped() == "why"


def test_a_study_of_an_earlier_version_says_asha(tmp_path):
    begun = halved(tmp_path)
    save_study(begun)
    facts = begun.folder.read_json("study.json")
    assert facts["scheduler"] == "halving"
    begun.folder.write_json("study.json", {**facts, "scheduler": "asha"})
    assert load_study(begun.folder).halves
    save_study(replace(begun, scheduler="none"))  # which keeps what the study was begun with
    assert begun.folder.read_json("study.json")["scheduler"] == "halving"
