"""Models compared on equal seeds, beside published values, over persons, and by test clips."""

from dataclasses import replace

import pytest

from tests.support.stored_study import finished_study
from tune.analysis.results import model_rows
from tune.analysis.significance import (
    against_published,
    best_on_test,
    comparisons,
    interval_over_persons,
    paired_differences,
)
from tune.core.search_spec import Published

SPACE = {"model": ("grnn", "3dcnn"), "optim.lr": (1e-2, 1e-3), "seed": (0, 1)}
HITS = {
    ("grnn", 1e-2, 0): (4, 9), ("grnn", 1e-2, 1): (4, 9), ("grnn", 1e-3, 0): (6, 5), ("grnn", 1e-3, 1): (8, 7),
    ("3dcnn", 1e-3, 1): (5, 4),
}  # fmt: skip
KNOWN = Published(0.9, 0.01, "paper", "printed", num_seeds=5)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return finished_study(tmp_path_factory.mktemp("study") / "s", SPACE, HITS)


@pytest.fixture(scope="module")
def rows(study):
    return model_rows(study)


def test_two_models_are_compared_on_the_seeds_that_both_have(rows):
    assert paired_differences(*rows) == [pytest.approx(0.3)]
    (compared,) = comparisons(rows)
    assert (compared.first, compared.second, compared.num_pairs, compared.p) == ("grnn", "3dcnn", 1, 1.0)
    assert compared.gap == pytest.approx(0.3) and "unknown" in compared.advice
    assert comparisons([rows[0], replace(rows[1], where={"data.size": 8})]) == []


def test_a_verdict_needs_seeds_on_either_side_and_a_certain_value(rows):
    found = against_published(rows[0], KNOWN)
    assert found.delta == pytest.approx(-0.3) and found.interval[0] < -0.3 < found.interval[1]
    assert found.verdict == "under-powered"
    for published, row, why in (
        (replace(KNOWN, certainty="uncertain: read off a figure"), rows[0], "the published value is uncertain"),
        (replace(KNOWN, num_seeds=None), rows[0], "the number of seeds of the published value is unknown"),
        (KNOWN, rows[1], "one seed has no deviation"),
    ):
        assert against_published(row, published).verdict == f"none: {why}"


def test_clips_of_one_person_give_no_interval(study, rows):
    assert interval_over_persons(study, rows[0]) is None


def test_the_gain_of_choosing_on_test_clips_is_told(rows):
    best, value = best_on_test(rows[0])
    assert (best.rate, value) == (1e-2, 0.9) and rows[0].test == pytest.approx(0.6)
    assert best_on_test(rows[1]) is None
