"""The race: later seeds go only to choices that may still be the best, and its risk is what it says."""

import numpy as np
import pytest
import scipy

from tests.support import simulated
from tests.support.tiny import study_in
from tune.planning.race import RISK, level, looks, p_worse
from tune.planning.schedule import next_segment

SPACE = {"model": ("grnn",), "optim.lr": (1e-1, 1e-2, 1e-3), "seed": (0, 1, 2, 3)}
VALUES = {1e-1: (0.10, 0.12, 0.11, 0.1), 1e-2: (0.90, 0.91, 0.93, 0.9), 1e-3: (0.80, 0.95, 0.9, 0.95)}


def raced(folder):
    return study_in(folder, SPACE, scheduler="race")


def finish(study, seeds):
    for cell in study.cells:
        if cell.experiment.seed in seeds and not study.settled(cell):
            simulated.finish(study, cell, VALUES[cell.experiment.optim.lr][cell.experiment.seed])


def left(study):
    return {(cell.experiment.optim.lr, cell.experiment.seed) for cell, _ in next_segment(study, "grnn").steps}


def stopped(study):
    return {cell.experiment.optim.lr for cell in study.cells if study.cell_folder(cell).stopped() is not None}


def test_a_choice_that_the_leader_beats_gets_no_further_seeds(tmp_path):
    study = raced(tmp_path)
    assert left(study) == {(rate, seed) for rate in VALUES for seed in (0, 1)}
    finish(study, (0,))
    assert left(study) == {(rate, 1) for rate in VALUES}
    finish(study, (1,))
    assert left(study) == {(1e-2, 2), (1e-3, 2)} and stopped(study) == {1e-1}
    finish(study, (2,))
    assert left(study) == {(1e-2, 3), (1e-3, 3)} and stopped(study) == {1e-1}  # too close to tell
    finish(study, (3,))
    assert left(study) == set() and study.missing() == []
    reason = study.cell_folder(study.cells[2]).stopped()
    assert reason.startswith("worse than lr 0.01 after 2 seeds: p = 0.002") and reason.endswith("below 0.013")


def test_a_diverged_choice_is_out_where_the_leader_has_not_diverged(tmp_path):
    study = raced(tmp_path)
    first = study.cells[4]
    study.cell_folder(first).folder.write_json("failure.json", {"reason": "the loss is nan", "diverged": True})
    finish(study, (0, 1))
    next_segment(study, "grnn")
    assert stopped(study) == {first.experiment.optim.lr}  # 0 and 0.91 alone may be chance
    assert study.cell_folder(study.cells[6]).stopped() == "a seed diverged, and none of lr 0.001"


def test_earlier_looks_are_the_same_when_they_are_taken_again_after_the_leader_diverged(tmp_path):
    """After two seeds the leader is 0.01, which diverges at the third: the second look is not taken without it."""
    study = raced(tmp_path)
    finish(study, (0, 1))
    before = left(study)
    leader = next(cell for cell in study.cells if (cell.experiment.optim.lr, cell.experiment.seed) == (1e-2, 2))
    study.cell_folder(leader).folder.write_json("failure.json", {"reason": "the loss is nan", "diverged": True})
    finish(study, (2,))
    first, again = left(study), left(study)
    assert before == {(1e-2, 2), (1e-3, 2)} and first == again == {(1e-3, 3)} and stopped(study) == {1e-1, 1e-2}
    assert study.cell_folder(study.cells[2]).stopped().startswith("worse than lr 0.01 after 2 seeds")


def test_what_a_shorter_race_excluded_stays_excluded_and_holds_nobody_up(tmp_path):
    study = raced(tmp_path)
    finish(study, (0, 1, 2, 3))
    next_segment(study, "grnn")
    study.cell_folder(study.cells[2]).stop("by a race of fewer seeds")  # of 0.1, whose level was another
    study.cell_folder(study.cells[2]).folder.delete("done.json")
    grown = study_in(tmp_path, {**SPACE, "seed": (0, 1, 2, 3, 4, 5)}, scheduler="race")
    assert left(grown) == {(1e-2, 4), (1e-3, 4)}


def test_the_level_is_shared_by_all_comparisons_that_may_be_made():
    assert looks(2) == range(2, 2) and list(looks(5)) == [2, 3, 4]
    assert level(4, 5) == RISK / 9 and level(1, 2) == RISK


def test_equal_differences_and_single_seeds_tell_nothing():
    assert p_worse({0: 0.1, 1: 0.2}, {0: 0.5, 1: 0.6}) == 1 and p_worse({0: 0.1}, {0: 0.9}) == 1
    assert p_worse({0: 0.1, 1: 0.2, 2: 0.0}, {0: 0.5, 1: 0.7}) == pytest.approx(
        scipy.stats.ttest_rel([0.5, 0.7], [0.1, 0.2], alternative="greater").pvalue
    )


def test_the_best_of_equal_choices_is_excluded_no_more_often_than_stated():
    """All choices are equal: the hardest case. Looks and leaders as in the search, without files."""
    rng, num_choices, num_seeds, excluded = np.random.default_rng(0), 4, 5, 0
    allowed, trials = level(num_choices, num_seeds), 1000
    for _ in range(trials):
        values, live = rng.normal(size=(num_choices, num_seeds)), set(range(num_choices))
        for look in looks(num_seeds):
            leader = max(live, key=lambda choice: values[choice, :look].mean())
            seen = {choice: dict(enumerate(values[choice, :look])) for choice in live}
            live -= {one for one in live - {leader} if p_worse(seen[one], seen[leader]) <= allowed}
        excluded += 0 not in live
    assert excluded / trials <= RISK
