"""Times are read with their units and calendars; files follow each other, and gaps are named."""

import cftime
import numpy as np
import pytest

from data.errors import DataError
from data.ocean.regions import read_regions


def at(dataset, values, units, **attributes):
    """The data set with other times."""
    return dataset.assign_coords(time=("time", np.asarray(values), {"units": units} | attributes))


def test_files_that_count_from_their_own_day_are_put_in_order(sea):
    for day in (2, 0, 1):
        sea.save(
            at(sea.dataset(days=[day]), [0.0], f"hours since 2002-01-0{day + 1}"),
            f"200201{9 - day:02}-a.nc",
            "h5netcdf",
        )
    (region,) = read_regions(sea.paths)
    assert sea.holds(region, days=[0, 1, 2]) and (region.facts["first"], region.facts["last"]) == (
        "2002-01-01",
        "2002-01-03",
    )


@pytest.mark.parametrize(
    ("values", "units", "attributes"),
    [
        ([72, 96], "Hours Since 2002-01-01 00:00:00", {}), ([3, 4], "days since 2002-01-01", {"calendar": "gregorian"}),
        ([37258, 37259], "days since 1900-1-1", {"calendar": "standard"}),
        ([4320, 5760], "minutes since 2002-01-01T00:00:00Z", {}),
        ([1010102400, 1010188800], "seconds since 1970-01-01", {"calendar": "proleptic_gregorian"}),
        ([730853, 730854], "days since 0001-01-01", {"calendar": "proleptic_gregorian"}),
        ([20020104.0, 20020105.0], "day as %Y%m%d.%f", {}),
    ],
)  # fmt: skip
def test_files_of_other_units_and_epochs_follow_each_other(sea, values, units, attributes):
    sea.save(sea.dataset(days=[0, 1, 2]), "a_1.nc")
    sea.save(at(sea.dataset(days=[3, 4]), values, units, **attributes), "a_2.nc", "h5netcdf")
    (region,) = read_regions(sea.paths)
    assert sea.holds(region, days=range(5)) and region.facts["last"] == "2002-01-05" and region.breaks == ()


@pytest.mark.parametrize("name", ["time", "time_counter", "ocean_time", "MT", "valid_time"])
@pytest.mark.parametrize("is_scalar", [False, True])
def test_a_time_may_be_alone_and_have_another_name(sea, name, is_scalar):
    for day in range(3):
        found = sea.dataset(days=[day]).rename(time=name)
        sea.save(found.squeeze(name) if is_scalar else found, f"2002010{day + 1}-a.nc")
    assert sea.holds(read_regions(sea.paths)[0], days=range(3))


def test_the_time_of_a_forecasts_fields_is_not_that_of_its_start(sea):
    found = sea.dataset(days=[3, 4, 5]).rename(time="step")
    valid = ("step", [3.0, 4.0, 5.0], {"units": "days since 2002-01-01", "standard_name": "time"})
    start = ((), 3.0, {"units": "days since 2002-01-01", "standard_name": "forecast_reference_time"})
    sea.save(found.assign_coords(step=("step", [0.0, 24.0, 48.0], {"units": "hours"}), valid_time=valid, time=start))
    (region,) = read_regions(sea.paths)
    assert sea.holds(region, days=[3, 4, 5]) and region.facts["first"] == "2002-01-04"


@pytest.mark.parametrize(
    ("calendar", "begins", "number", "last"),
    [
        ("noleap", 57, 4, "2004-03-02"), ("360_day", 57, 5, "2004-03-02"), ("julian", 57, 5, "2004-03-02"),
        ("all_leap", 57, 5, "2004-03-02"), ("standard", 57, 5, "2004-03-02"),
    ],
)  # fmt: skip
def test_each_calendar_has_its_own_days(sea, calendar, begins, number, last):
    """From 27 February 2004: noleap goes from the 28th to 1 March, 360_day has a 30th."""
    begins = cftime.date2num(cftime.datetime(2004, 2, 27, calendar=calendar), "days since 2004-01-01", calendar)
    end = cftime.date2num(cftime.datetime(2004, 3, 2, calendar=calendar), "days since 2004-01-01", calendar)
    days = np.arange(begins, end + 1)
    sea.save(at(sea.dataset(days=days), days, "days since 2004-01-01", calendar=calendar))
    (region,) = read_regions(sea.paths)
    assert sea.holds(region, days=days) and region.breaks == () and region.facts["calendar"] == calendar
    assert (region.facts["first"], region.facts["last"]) == ("2004-02-27", last)
    assert len(days) == {"noleap": 5 - 1, "360_day": 6}.get(calendar, 5)


def test_two_calendars_are_not_mixed(sea):
    sea.save(sea.dataset(days=[0, 1]), "a_1.nc")
    sea.save(at(sea.dataset(days=[2, 3]), [2, 3], "days since 2002-01-01", calendar="360_day"), "a_2.nc")
    with pytest.raises(DataError, match=r"a_1.nc has the calendar standard and .*a_2.nc 360_day: prepare them"):
        read_regions(sea.paths)


@pytest.mark.parametrize(
    ("days", "breaks", "gaps"),
    [
        ([0, 1, 2, 4, 5], (3,), ["2002-01-04"]),
        ([0, 1, 2, 3, 7, 8, 9, 11], (4, 7), ["2002-01-05 to 2002-01-07", "2002-01-11"]),
        ([0, 0.25, 0.5, 1.25], (3,), ["2002-01-01 18:00 to 2002-01-02"]),
        ([0.5, 1.5, 3.5], (2,), ["2002-01-03 12:00"]),
    ],
)
@pytest.mark.parametrize("many", [False, True])
def test_missing_days_are_named_and_break_the_frames(sea, days, breaks, gaps, many):
    for number, mine in enumerate([[day] for day in days] if many else [days]):
        sea.save(sea.dataset(days=mine), f"a_{number}.nc")
    (region,) = read_regions(sea.paths)
    assert sea.holds(region, days=days) and region.breaks == breaks and region.facts["gaps"] == gaps


def bare(sea):
    return sea.dataset(days=[0]).squeeze("time", drop=True)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (bare, r"20020101-a.nc has no time, one in its name is not read: give it a coordinate time"),
        (lambda sea: sea.dataset().drop_vars("time"), "a.nc has no time, its dimension time has no values"),
        (lambda sea: at(sea.dataset(), np.arange(6), "months since 2002-01-01"), "times in 'months since 2002-01-01'"),
        (lambda sea: at(sea.dataset(), np.arange(6), "days since yesterday"), "cannot be read"),
        (lambda sea: at(sea.dataset(), np.arange(6), "days since 2002-01-01", calendar="mayan"), "mayan.* cannot be"),
        (lambda sea: at(sea.dataset(), [0, 1, np.nan, 3, 4, 5], "days since 2002-01-01"), "times without a value"),
        (lambda sea: at(sea.dataset(), list("abcdef"), ""), "must hold numbers in units"),
        (lambda sea: at(sea.dataset(), [20021301.0] * 6, "day as %Y%m%d.%f"), "20021301 is no day as YYYYMMDD"),
        (lambda sea: sea.dataset(days=[0, 1, 1.5, 2, 3, 4]), "but 2002-01-02 is followed by 2002-01-02 12:00"),
        (lambda sea: sea.dataset(days=[0, 31, 59, 90, 120, 151]), "must be whole steps of"),
    ],
)  # fmt: skip
def test_times_that_cannot_be_told_are_refused(sea, made, message):
    sea.save(made(sea), "20020101-a.nc")
    with pytest.raises(DataError, match=message):
        read_regions(sea.paths)


def test_numbers_without_units_are_times_of_one_file_alone(sea):
    sea.save(at(sea.dataset(days=[0, 1, 3]), [5.0, 6.0, 8.0], ""), "a_1.nc")
    (region,) = read_regions(sea.paths)
    assert sea.holds(region, days=[0, 1, 3]) and region.facts["gaps"] == ["7"] and region.facts["calendar"] == "none"
    sea.save(at(sea.dataset(days=[4]), [9.0], ""), "a_2.nc")
    with pytest.raises(
        DataError, match="a_2.nc has times without units such as days since 2000-01-01: they cannot follow"
    ):
        read_regions(sea.paths)


@pytest.mark.parametrize("units", [None, "yyyymmdd", "YYYYMMDD", "1", "day as %Y%m%d"])
def test_whole_numbers_of_eight_digits_are_days(sea, units):
    found = at(sea.dataset(), [20020129, 20020130, 20020131, 20020201, 20020202, 20020203], units or "")
    sea.save(found)
    (region,) = read_regions(sea.paths)
    assert sea.holds(region) and region.breaks == ()
    assert (region.facts["first"], region.facts["last"], region.facts["step"]) == ("2002-01-29", "2002-02-03", "1 day")


@pytest.mark.parametrize(
    ("values", "units", "reason"),
    [
        ([20020229 + day for day in range(6)], "", "20020229 is no day as YYYYMMDD"),
        (range(2452276, 2452282), "julian day", "times in 'julian day' cannot be read: units as days since"),
        (range(6), "decimal years", "times in 'decimal years' cannot be read"),
    ],
)
def test_numbers_that_are_no_times_are_refused(sea, values, units, reason):
    sea.save(at(sea.dataset(), list(values), units))
    with pytest.raises(DataError, match=f"atlantic.nc: {reason}"):
        read_regions(sea.paths)


def test_long_numbers_without_units_are_written_in_full(sea):
    sea.save(at(sea.dataset(), np.arange(2452276, 2452282), ""))
    facts = read_regions(sea.paths)[0].facts
    assert (facts["first"], facts["last"]) == ("2452276", "2452281")


@pytest.mark.parametrize(
    ("values", "units"),
    [
        (np.arange(6), "days since 2002/01/01"), (np.arange(6), "days since 20020101"),
        (np.arange(6), "days_since_2002-01-01"),
        (np.arange(6) * 86400e9 + 1009843200e9, "nanoseconds since 1970-01-01"),
        (np.arange(6) * 24, "hours since 2002/1/1 00:00:00"),
    ],
)  # fmt: skip
def test_other_spellings_of_dates_and_nanoseconds_are_read(sea, values, units):
    sea.save(at(sea.dataset(), values.astype("f8"), units))
    (region,) = read_regions(sea.paths)
    assert sea.holds(region) and (region.facts["first"], region.facts["step"]) == ("2002-01-01", "1 day")


def test_uneven_steps_are_named_with_their_file(sea):
    sea.save(at(sea.dataset(), [0.0, 5, 10, 15, 21, 26], "days since 2002-01-06"), "oscar.nc")
    words = "times must be whole steps of 5 days apart, but 2002-01-21 is followed by 2002-01-27, 6 days later"
    with pytest.raises(DataError, match=f"oscar.nc: {words}, an uneven step: interpolate it"):
        read_regions(sea.paths)


@pytest.mark.parametrize("is_daily", [False, True])
def test_two_stamps_of_the_same_days_are_refused(sea, is_daily):
    for name, hour in (("midnight", 0.0), ("noon", 0.5)):
        if is_daily:
            for day in range(6):
                sea.save(sea.dataset(days=[day + hour]), f"2002010{day + 1}-{name}.nc")
        else:
            sea.save(sea.dataset(days=np.arange(6) + hour), f"{name}_2002.nc")
    words = "have times between each other's, each 1 day apart, 2002-01-01 and 2002-01-01 12:00 first: leave one out"
    with pytest.raises(DataError, match=f"midnight.*nc and .*noon.*nc {words}"):
        read_regions(sea.paths)


def test_files_of_each_hour_that_follow_each_other_are_read(sea):
    for day in range(3):
        for hour in (0, 12):
            sea.save(sea.dataset(days=[day + hour / 24]), f"2002010{day + 1}_{hour:02}.nc")
    assert sea.holds(read_regions(sea.paths)[0], days=np.arange(6) / 2)


def test_the_valid_time_of_a_forecast_is_read_before_its_start(sea):
    start = {"units": "days since 2002-01-01", "standard_name": "time", "long_name": "initial time of forecast"}
    found = sea.dataset().assign_coords(time=("time", np.arange(6.0), start))
    valid = {"units": "days since 2002-01-01", "standard_name": "time", "long_name": "time"}
    sea.save(found.assign_coords(valid_time=("time", np.arange(6.0) + 1, valid), step=((), 24.0, {"units": "hours"})))
    (region,) = read_regions(sea.paths)
    assert (region.facts["first"], region.facts["last"]) == ("2002-01-02", "2002-01-07")
