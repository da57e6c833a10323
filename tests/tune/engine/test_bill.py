"""Time and GPU-hours of trials on several kinds of GPU."""

import pytest

from tune.engine.bill import Bill, Lane, bills, mean


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
