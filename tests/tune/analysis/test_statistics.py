"""The statistics, against closed forms and SciPy."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from fernn.train.task import ACCURACY, ERROR
from tune.analysis.statistics import (
    LEVEL,
    POWER,
    choose,
    fewest_pairs,
    holm,
    mean_and_deviation,
    paired_permutation,
    paired_power,
    pairs_needed,
    person_interval,
    power_advice,
    verdict,
    welch_interval,
)
from tune.core.choice import Choice


def test_the_deviation_is_the_sample_one_and_one_seed_has_none():
    assert mean_and_deviation([1.0, 2.0, 3.0]) == (2.0, 1.0)
    assert mean_and_deviation([0.5, 0.7]) == (pytest.approx(0.6), pytest.approx(0.2 / 2**0.5))
    assert mean_and_deviation([0.5]) == (0.5, None)


def test_an_interval_over_two_persons_runs_from_the_worse_to_the_better():
    """Of two persons a quarter of all draws holds one of them alone: more than 2.5 % at each end."""
    assert person_interval([2, 9], [10, 10]) == (0.2, 0.9)


def test_an_interval_over_persons_is_that_of_all_their_draws():
    right, clips = [3.0, 9.0, 5.0, 8.0, 2.0], [10, 12, 9, 10, 11]
    draws = np.array(list(product(range(5), repeat=5)))
    all_of_them = np.array(right)[draws].sum(axis=1) / np.array(clips)[draws].sum(axis=1)
    expected = np.quantile(all_of_them, [0.025, 0.975])
    assert person_interval(right, clips) == pytest.approx(expected, abs=0.01)
    assert person_interval(right, clips) == person_interval(right, clips)


def test_one_person_has_no_interval():
    assert person_interval([3], [10]) is None


@pytest.mark.parametrize("num", [1, 2, 3, 6, 10])
def test_differences_of_one_sign_have_the_smallest_p(num):
    assert paired_permutation([0.1 + i for i in range(num)]) == pytest.approx(min(1, 2 / 2**num))


def test_p_counts_the_signs_that_are_as_extreme():
    differences = [0.5, 0.4, -0.1, 0.3]
    means = [np.mean(np.multiply(differences, signs)) for signs in product((1, -1), repeat=4)]
    expected = np.mean(np.abs(means) >= np.mean(differences) - 1e-12)
    assert paired_permutation(differences) == pytest.approx(expected)
    assert paired_permutation([-d for d in differences]) == pytest.approx(expected)


def test_models_that_agree_in_every_seed_do_not_differ():
    assert paired_permutation([0.0, 0.0, 0.0]) == 1.0


def test_fewer_than_six_pairs_show_nothing():
    assert (fewest_pairs(), fewest_pairs(LEVEL / 10)) == (6, 9)


def test_holm_multiplies_the_smallest_most_and_keeps_the_order():
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_power_is_that_of_the_literature():
    """A standardised difference of 1 takes 10 pairs, one of 0.5 takes 34 (Cohen, 1988)."""
    assert paired_power(0.02, 0.02, 10) >= POWER > paired_power(0.02, 0.02, 9)
    assert paired_power(0.01, 0.02, 34) >= POWER > paired_power(0.01, 0.02, 33)


def test_power_without_a_gap_is_the_level():
    assert paired_power(0.0, 1.0, 7) == pytest.approx(LEVEL)


def test_power_is_how_often_the_test_finds_the_gap():
    drawn = np.random.default_rng(0).normal(0.5, 1.0, (20_000, 12))
    found = stats.ttest_1samp(drawn, 0.0, axis=1).pvalue < LEVEL
    assert paired_power(0.5, 1.0, 12) == pytest.approx(found.mean(), abs=0.01)


@pytest.mark.parametrize("level", [LEVEL, LEVEL / 10])
@pytest.mark.parametrize("ratio", [0.1, 1.0, 3.0, 40.0])
def test_so_many_pairs_are_needed_and_not_one_less(ratio, level):
    needed = pairs_needed(1.0, ratio, level)
    assert paired_power(1.0, ratio, needed, level) >= POWER
    assert needed == fewest_pairs(level) or paired_power(1.0, ratio, needed - 1, level) < POWER


def test_the_interval_of_a_difference_is_welchs():
    ours, theirs = [0.61, 0.64, 0.66, 0.6], [0.70, 0.72, 0.65]
    gap, samples = np.mean(ours) - np.mean(theirs), [(float(np.std(x, ddof=1)), len(x)) for x in (ours, theirs)]
    expected = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval()
    assert welch_interval(gap, *samples) == pytest.approx((expected.low, expected.high))
    assert welch_interval(0.25, (0.0, 3), (0.0, 3)) == (0.25, 0.25)


@pytest.mark.parametrize(
    "interval, said",
    [
        ((0.01, 0.09), "not compatible"),
        ((-0.2, -0.001), "not compatible"),
        ((-0.05, 0.04), "compatible"),
        ((-0.051, 0.04), "under-powered"),
        ((-0.01, 0.06), "under-powered"),
    ],
)
def test_a_verdict_follows_from_the_interval(interval, said):
    assert verdict(interval, ACCURACY, 0.6) == said


def test_the_bound_of_a_compatible_error_is_a_quarter_of_it():
    assert verdict((-0.004, 0.004), ERROR, 0.02) == "compatible"
    assert verdict((-0.006, 0.004), ERROR, 0.02) == "under-powered"


def test_advice_says_what_three_seeds_cannot_show():
    said = power_advice(ACCURACY, 3, 0.02, 0.6, 1)
    assert said.startswith("With 3 seeds a gap of 2 points cannot be shown") and "about 10 paired seeds" in said
    assert "cannot" not in power_advice(ACCURACY, 10, 0.02, 0.6, 1)
    for deviation in (None, 0.0, float("nan"), float("inf")):
        assert "unknown" in power_advice(ACCURACY, 3, deviation, 0.6, 1)
    assert "unknown" in power_advice(ERROR, 3, 0.1, 0.0, 1)
    assert "a tenth of the error (0.003)" in power_advice(ERROR, 3, 0.02, 0.03, 1)


def test_among_ten_comparisons_more_seeds_are_needed():
    """What Holm's correction makes impossible is not promised: with six seeds the least adjusted p of ten is 0.31."""
    assert holm([paired_permutation([1.0] * 6)] * 10) == [0.3125] * 10
    said = power_advice(ACCURACY, 6, 1e-3, 0.6, 10)
    assert "cannot be shown: the exact test needs 9 to reach p = 0.005" in said


def test_numbers_that_are_none_show_nothing():
    assert paired_permutation([float("nan"), 0.1, 0.2]) == paired_permutation([float("inf"), 0.1, 0.2]) == 1.0


def chosen_rate(values, metric):
    return choose({Choice((("optim.lr", rate),)): seeds for rate, seeds in values.items()}, metric).rate


def test_the_best_mean_over_seeds_is_chosen():
    assert chosen_rate({1e-3: [0.6, 0.8], 1e-4: [0.9, 0.4]}, ACCURACY) == 1e-3


def test_an_error_is_better_the_lower_it_is():
    assert chosen_rate({1e-3: [0.6, 0.8], 1e-4: [0.9, 0.4]}, ERROR) == 1e-4
    assert chosen_rate({1e-3: [0.5], 1e-4: [float("inf")]}, ERROR) == 1e-3


def test_of_equals_the_lower_is_chosen():
    assert chosen_rate({1e-3: [0.5, 0.7], 1e-4: [0.7, 0.5], 3e-4: [0.6, 0.6]}, ACCURACY) == 1e-4


def test_equal_hits_are_a_tie_whatever_their_order():
    high, low = ([hits / 380 for hits in seeds] for seeds in ((194, 213, 185), (185, 222, 185)))
    assert chosen_rate({1e-3: high, 1e-4: low}, ACCURACY) == chosen_rate({1e-3: low, 1e-4: high}, ACCURACY) == 1e-4


def test_a_rate_with_fewer_seeds_is_not_chosen():
    assert chosen_rate({1e-3: [0.99], 1e-4: [0.5, 0.5]}, ACCURACY) == 1e-4
