"""The rule that chooses a learning rate, and what ± means."""

from fernn.train.task import ACCURACY, ERROR
from tune.analysis.selection import choose_lr


def test_the_best_mean_over_seeds_is_chosen():
    assert choose_lr({1e-3: [0.6, 0.8], 1e-4: [0.9, 0.4]}, ACCURACY) == 1e-3


def test_an_error_is_better_the_lower_it_is():
    assert choose_lr({1e-3: [0.6, 0.8], 1e-4: [0.9, 0.4]}, ERROR) == 1e-4
    assert choose_lr({1e-3: [0.5], 1e-4: [float("inf")]}, ERROR) == 1e-3


def test_of_equals_the_lower_is_chosen():
    assert choose_lr({1e-3: [0.5, 0.7], 1e-4: [0.7, 0.5], 3e-4: [0.6, 0.6]}, ACCURACY) == 1e-4


def test_equal_hits_are_a_tie_whatever_their_order():
    high, low = ([hits / 380 for hits in seeds] for seeds in ((194, 213, 185), (185, 222, 185)))
    assert choose_lr({1e-3: high, 1e-4: low}, ACCURACY) == choose_lr({1e-3: low, 1e-4: high}, ACCURACY) == 1e-4


def test_a_rate_with_fewer_seeds_is_not_chosen():
    assert choose_lr({1e-3: [0.99], 1e-4: [0.5, 0.5]}, ACCURACY) == 1e-4
