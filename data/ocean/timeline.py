"""Times of fields: decoded with their units and calendar, put in order, and the steps that are missing between them."""

import re
from collections.abc import Sequence
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
NEAR = 0.01
"""Steps that differ by less than this share are equal."""
SPELLED = {"gregorian": "standard", "proleptic_gregorian": "standard", "365_day": "noleap", "366_day": "all_leap"}
"""Calendars of two names; those of the first three agree since 1582."""
STEPS = (("day", 86400 * SECOND), ("hour", 3600 * SECOND), ("minute", 60 * SECOND), ("second", SECOND))

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
    if units.lower().startswith("day as"):
        values, units = _from_digits(path, values, calendar), "days since 1900-01-01"
    if "since" not in units.lower():
        return Times(np.round(values.astype(np.float64) * SECOND).astype(np.int64), UNDATED)
    attributes = {"units": re.sub("since", "since", units, flags=re.IGNORECASE), "calendar": calendar}
    try:
        decoder = xr.coders.CFDatetimeCoder(use_cftime=True)
        dates = decoder.decode(xr.Variable(("time",), values, attributes)).to_numpy()
        found = np.atleast_1d(cftime.date2num(dates, EPOCH, calendar))
    except (ValueError, TypeError, OverflowError, AttributeError) as error:
        raise DataError(
            f"{path}: times in {units!r}, calendar {calendar}, cannot be read: units as days since 2000-01-01 and "
            "one of CF's calendars are needed"
        ) from error
    seconds = np.round(found.astype(np.float64) / SECOND).astype(np.int64)
    return Times(seconds * SECOND, SPELLED.get(calendar, calendar))


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


@dataclass(frozen=True)
class Timeline:
    """Times of a region in their order, at whole multiples of ``step``, which is 0 for one time alone."""

    values: Instants
    calendar: str
    step: int

    def label(self, value: int) -> str:
        """A time as a date, with the time of day where that is not midnight."""
        if self.calendar == UNDATED:
            return f"{value / SECOND:g}"
        date = cftime.num2date(value, EPOCH, self.calendar)
        text = date.strftime("%Y-%m-%d %H:%M:%S").strip()
        return text.removesuffix(":00").removesuffix(" 00:00")

    @property
    def step_text(self) -> str:
        """As in "1 day", "6 hours"."""
        if not self.step or self.calendar == UNDATED:
            return f"{self.step / SECOND:g}" if self.step else "none"
        name, size = next(((n, s) for n, s in STEPS if self.step % s == 0 or self.step / s >= 2), STEPS[-1])
        return f"{self.step / size:g} {name}{'s' * (self.step != size)}"

    @property
    def counts(self) -> NDArray[np.int64]:
        """How many steps each time is after the one before."""
        return np.round(np.diff(self.values) / max(self.step, 1)).astype(np.int64)

    @property
    def breaks(self) -> tuple[int, ...]:
        """The frames that follow a gap."""
        return tuple((np.flatnonzero(self.counts > 1) + 1).tolist())

    def gaps(self) -> list[str]:
        """The times that are missing, as "2002-01-05" or "2002-01-05 to 2002-01-07"."""
        return [
            self._span(int(self.values[place - 1]) + self.step, int(self.values[place]) - self.step)
            for place in self.breaks
        ]

    def _span(self, first: int, last: int) -> str:
        many = round((last - first) / self.step) > 0
        return f"{self.label(first)} to {self.label(last)}" if many else self.label(first)

    def only(self, kept: NDArray[np.bool_]) -> "Timeline":
        """Without some of the times; the step stays."""
        return Timeline(self.values[kept], self.calendar, self.step)


def timeline(name: str, values: Instants, calendar: str) -> Timeline:
    """Times in their order, each once; raises DataError where they are not at whole multiples of the usual step."""
    values = np.sort(values)
    values = (
        values[np.diff(values, prepend=values[:1] - 2 * SECOND) >= SECOND] if calendar != UNDATED else np.unique(values)
    )
    steps = np.diff(values)
    found = Timeline(values, calendar, _usual(steps))
    wrong = np.abs(steps / max(found.step, 1) - found.counts) > 5 * NEAR
    if (wrong | (found.counts < 1)).any():
        place = int(np.argmax(wrong | (found.counts < 1)))
        raise DataError(
            f"{name}: times must be whole steps of {found.step_text} apart, but {found.label(values[place])} is "
            f"followed by {found.label(values[place + 1])}: leave out what is between, or prepare it by itself"
        )
    return found


def _usual(steps: Instants) -> int:
    """The most frequent step, of several the smallest; 0 where there is none."""
    if not len(steps):
        return 0
    ordered = np.sort(steps)
    first = np.searchsorted(ordered, ordered * (1 - NEAR), "left")
    last = np.searchsorted(ordered, ordered * (1 + NEAR), "right")
    best = int(np.argmax(last - first))
    return int(np.median(ordered[first[best] : last[best]]))


def places_in(found: Timeline, values: Instants) -> NDArray[np.intp]:
    """Where times stand in the timeline that they are part of."""
    right = np.clip(np.searchsorted(found.values, values), 0, len(found.values) - 1)
    left = np.maximum(right - 1, 0)
    return np.where(np.abs(found.values[left] - values) <= np.abs(found.values[right] - values), left, right)


def one_calendar(paths: Sequence[Path], times: Sequence[Times]) -> str:
    """The calendar that all files have; raises DataError, which names two, where they differ or have none."""
    for path, one in zip(paths, times, strict=True):
        if one.calendar != times[0].calendar:
            raise DataError(
                f"{paths[0]} has the calendar {times[0].calendar} and {path} {one.calendar}: prepare them by themselves"
            )
        if one.calendar == UNDATED and path != paths[0]:
            raise DataError(
                f"{path} has times without units such as days since 2000-01-01: they cannot follow those of {paths[0]}"
            )
    return times[0].calendar
