"""Time and GPU-hours of trials on several kinds of GPU."""

import pytest

from tune.engine.bill import Bill, EpochTimes, Lane, bills, mean, middle


def test_one_kind_takes_what_its_trials_take():
    assert bills([Lane(3, 0.25, 0.1, (1.0, 2.0))], 36_000) == (
        Bill(36_000 * 0.1 / 3, 36_000 * 0.1 * 0.25 / 3600),
        Bill(36_000 * 0.1 * 2.0 / 3, 36_000 * 0.1 * 2.0 * 0.25 / 3600),
    )


def test_a_kind_twice_as_fast_takes_twice_the_trials():
    fast, slow = Lane(2, 0.5, 1.0), Lane(2, 1.0, 2.0)
    assert mean([fast, slow], [1.0, 2.0]) == pytest.approx((2 / 3 + 2 / 3, 1 / 3 + 1 / 3, 1 / 3 + 2 / 3))
    least, most = bills([fast, slow], 1.0)
    assert least == most == pytest.approx((1 / 3, (2 * 0.5 + 2 * 1.0) / 3 / 3600))  # three trials in a second


def test_an_epoch_takes_the_median_so_far_and_until_then_its_plan_times_the_others_delay():
    times = EpochTimes({"a": 10.0, "b": 30.0})
    assert not times and (times.of("a"), times.of("b"), times.of("c")) == (10.0, 30.0, None)
    for seconds in (40.0, 20.0, 90.0):
        times.add("a", seconds)
    assert times and (times.of("a"), times.of("b"), times.of("c")) == (40.0, 120.0, None)
    times.add("c", 7.0)  # without a plan it tells nothing of the others
    assert (times.of("b"), times.of("c")) == (120.0, 7.0)


def test_the_middle_is_the_median():
    assert (middle([1.0]), middle([1.0, 2.0]), middle([1.0, 2.0, 9.0])) == (1.0, 1.5, 2.0)
