"""The times that a file has, decoded with their units and calendar."""

import re
from dataclasses import dataclass
from pathlib import Path

import cftime
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from data.errors import DataError
from data.ocean.opening import text_of

EPOCH = "microseconds since 1900-01-01"
UNDATED = "none"
"""The calendar of times without units: numbers that say no more than their order."""
SECOND = 1_000_000
SPELLED = {"gregorian": "standard", "proleptic_gregorian": "standard", "365_day": "noleap", "366_day": "all_leap"}
"""Calendars of two names; those of the first three agree since 1582."""
UNITLESS = re.compile(r"|1|none|unitless|(day|hour|minute|second|hr|sec|min|d|h|s)s?", re.IGNORECASE)
"""Units that leave open what the numbers count from."""
UNSAID = ("", "1", "none", "unitless", "day", "days")
"""Units of numbers that may be days as 20020131."""
DIGITS = re.compile(r"(day as )?%?y+%?m+%?d+.*", re.IGNORECASE)
"""Units of days as 20020131."""
NEEDED = "units as days since 2000-01-01 and one of CF's calendars are needed"

Instants = NDArray[np.int64]
"""Microseconds since 1900-01-01 in a calendar, whole seconds, or millionths of numbers without one."""


@dataclass(frozen=True)
class Times:
    """The times of a file's fields."""

    values: Instants
    calendar: str


def times_of(path: Path, coordinate: xr.DataArray) -> Times:
    """The times that a coordinate has; raises DataError where they cannot be read or one is missing."""
    units, calendar = text_of(coordinate, "units"), text_of(coordinate, "calendar").lower() or "standard"
    values = np.atleast_1d(coordinate.to_numpy())
    if values.dtype.kind not in "fiu":
        raise DataError(f"{path}: {coordinate.name} must hold numbers in units as days since 2000-01-01, got texts")
    if not np.isfinite(values).all():
        raise DataError(f"{path}: {coordinate.name} has times without a value")
    if DIGITS.fullmatch(units) or (units.lower() in UNSAID and _are_days(values)):
        values, units = _from_digits(path, values, calendar), "days since 1900-01-01"
    if "since" in units.lower():
        return Times(_decoded(path, values, units, calendar), SPELLED.get(calendar, calendar))
    if not UNITLESS.fullmatch(units):
        raise DataError(f"{path}: times in {units!r} cannot be read: {NEEDED}")
    return Times(np.round(values.astype(np.float64) * SECOND).astype(np.int64), UNDATED)


def _decoded(path: Path, values: NDArray[np.float64], units: str, calendar: str) -> Instants:
    spelled = _spelled(units)
    if spelled.lower().startswith(("nanosecond", "nsec", "ns ")):  # which cftime does not know
        values, spelled = values / 1000, "microseconds" + spelled[spelled.index(" ") :]
    try:
        decoder = xr.coders.CFDatetimeCoder(use_cftime=True)
        variable = xr.Variable(("time",), values, {"units": spelled, "calendar": calendar})
        found = np.atleast_1d(cftime.date2num(decoder.decode(variable).to_numpy(), EPOCH, calendar))
    except (ValueError, TypeError, OverflowError, AttributeError) as error:
        raise DataError(f"{path}: times in {units!r}, calendar {calendar}, cannot be read: {NEEDED}") from error
    return np.round(found.astype(np.float64) / SECOND).astype(np.int64) * SECOND


def _spelled(units: str) -> str:
    """The units with dates as 2002-01-31, though they stand as 2002/01/31 or 20020131."""
    text = re.sub(r"[ _]+since[ _]+", " since ", units, flags=re.IGNORECASE)
    text = re.sub(r"(?<= since )(\d{4})[/.](\d{1,2})[/.](\d{1,2})", r"\1-\2-\3", text)
    return re.sub(r"(?<= since )(\d{4})(\d{2})(\d{2})(?!\d)", r"\1-\2-\3", text)


def _are_days(values: NDArray[np.float64]) -> bool:
    """Whether numbers look as 20020131 does: whole, of eight digits, in centuries that have been measured."""
    return bool(((values >= 17000101) & (values < 22000101) & (values == np.round(values))).all())


def _from_digits(path: Path, values: NDArray[np.float64], calendar: str) -> NDArray[np.float64]:
    """Days since 1900 of times as 20020131.5, which is noon of a day."""
    found = []
    for value in values.astype(np.float64).tolist():
        day = int(value)
        try:
            date = cftime.datetime(day // 10000, day // 100 % 100, day % 100, calendar=calendar)
        except ValueError as error:
            raise DataError(f"{path}: {value:.15g} is no day as YYYYMMDD: {_line(error)}") from error
        found.append(cftime.date2num(date, "days since 1900-01-01", calendar) + value - day)
    return np.array(found)


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
