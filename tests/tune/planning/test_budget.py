"""Budgets as they are typed: what they mean, and that a bad one is refused in one line."""

import time
from datetime import UTC, datetime

import pytest

from tune.planning.budget import Budgets, Limit, limits_of, moment_in, seconds_in, used_up
from tune.planning.ledger import Spent


@pytest.mark.parametrize(
    ("text", "seconds"), [("45s", 45), ("90m", 5400), ("6h", 21600), ("2d12h", 216000), ("1.5h", 5400), ("1d1s", 86401)]
)
def test_a_time_is_read_as_people_write_it(text, seconds):
    assert seconds_in(text) == seconds


@pytest.mark.parametrize("text", ["", "6", "6 h", "h", "0s", "-6h", "12h2d", "1e3s", "6h!"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match="--stop-after must be a time above 0 as 6h, 90m, 2d12h or 45s, got"):
        seconds_in(text)


def test_a_moment_is_local_time_unless_it_has_an_offset():
    assert moment_in("2027-01-03T08:00+02:00") == datetime(2027, 1, 3, 6, tzinfo=UTC).timestamp()
    assert moment_in("2027-01-03T08:00") == time.mktime((2027, 1, 3, 8, 0, 0, 0, 0, -1))
    with pytest.raises(ValueError, match="--deadline must be a day and time as 2027-01-03T08:00 or .*, got 'soon'"):
        moment_in("soon")


@pytest.mark.parametrize(
    ("budgets", "price", "message"),
    [
        (Budgets(max_gpu_hours=0.0), None, "--max-gpu-hours must be above 0, got 0: leave it out"),
        (Budgets(max_gpu_hours=float("nan")), None, "--max-gpu-hours must be above 0, got nan"),
        (Budgets(max_price=-1.0), 2.0, "--max-price must be above 0, got -1"),
        (Budgets(max_price=100.0), None, "--max-price 100 needs what an hour .*: add --price-per-gpu-hour PRICE"),
        (Budgets(max_price=100.0), 0.0, "--max-price 100 needs what an hour of a GPU costs, above 0"),
    ],
)
def test_an_amount_that_means_nothing_is_refused(budgets, price, message):
    with pytest.raises(ValueError, match=message):
        limits_of(budgets, price)


def test_each_budget_counts_in_its_unit():
    limits = limits_of(Budgets("6h", 40.0, 100.0, "2027-01-03T08:00+00:00"), 2.5)
    assert [limit.option for limit in limits] == [
        "--stop-after 6h", "--max-gpu-hours 40", "--max-price 100", "--deadline 2027-01-03T08:00+00:00",
    ]  # fmt: skip
    assert [limit.taken_by(60.0, 2.0) for limit in limits] == [60.0, 2.0, 5.0, 60.0]
    now = limits[3].most - 7
    assert [limit.left(Spent(21000.0, 10.0, 30.0), now) for limit in limits] == [600.0, 30.0, 70.0, 7.0]
    words = [limit.words(limit.left(Spent(21000.0, 10.0, 30.0), now)) for limit in limits]
    assert words == ["10 min", "30.00 GPU-hours", "a price of 70.00", "7 s"]
    assert limits_of(Budgets(), None) == ()


def test_where_nothing_is_left_a_search_is_refused_with_the_way_out():
    limits = [Limit("--max-gpu-hours 4", "gpu_hours", 4.0), Limit("--deadline then", "moment", 100.0)]
    assert used_up(limits, Spent(9.0, 3.9), 99.0) == "" and used_up([], Spent()) == ""
    assert used_up(limits, Spent(9.0, 4.5), 99.0) == (
        "nothing is left of --max-gpu-hours 4: the study's searches took 4.50 GPU-hours; give more, or leave it out"
    )
    assert used_up(limits, Spent()) == "--deadline then is past: give a later one, or leave it out"
