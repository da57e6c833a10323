"""The times that files have, decoded with their units and calendar, and put in one order with steps and gaps."""

import re
from collections.abc import Mapping
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
NO_STEP = "none"
"""The step of one time alone, in words."""
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
NEAR = 0.01
"""Steps that differ by less than this share are equal."""
STEPS = (("day", 86400 * SECOND), ("hour", 3600 * SECOND), ("minute", 60 * SECOND), ("second", SECOND))

Instants = NDArray[np.int64]
"""Microseconds since 1900-01-01 in a calendar, whole seconds, or millionths of numbers without one."""


@dataclass(frozen=True)
class Times:
    """The times of a file's fields."""

    values: Instants
    calendar: str

    def label(self, value: int) -> str:
        """A time as a date, with the time of day where that is not midnight."""
        if self.calendar == UNDATED:
            return f"{value / SECOND:.15g}"
        text = cftime.num2date(value, EPOCH, self.calendar).strftime("%Y-%m-%d %H:%M:%S").strip()
        return text.removesuffix(":00").removesuffix(" 00:00")

    def in_words(self, step: int) -> str:
        """A step as in "1 day", "6 hours"; of one time alone it is 0."""
        if not step:
            return NO_STEP
        if self.calendar == UNDATED:
            return f"{step / SECOND:.15g}"
        name, size = next(((n, s) for n, s in STEPS if step % s == 0 or step / s >= 2), STEPS[-1])
        return f"{step / size:g} {name}{'s' * (step != size)}"


@dataclass(frozen=True)
class Timeline(Times):
    """Times of a region in their order, at whole multiples of ``step``, which is 0 for one time alone."""

    step: int

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
        times = self.values.tolist()
        spans = [(times[place - 1] + self.step, times[place] - self.step) for place in self.breaks]
        return [
            f"{self.label(first)} to {self.label(last)}" if round((last - first) / self.step) > 0 else self.label(first)
            for first, last in spans
        ]

    def places(self, values: Instants) -> NDArray[np.intp]:
        """Where times stand that are part of these."""
        right = np.clip(np.searchsorted(self.values, values), 0, len(self.values) - 1)
        left = np.maximum(right - 1, 0)
        return np.where(np.abs(self.values[left] - values) <= np.abs(self.values[right] - values), left, right)


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
        instants = np.atleast_1d(cftime.date2num(decoder.decode(variable).to_numpy(), EPOCH, calendar))
    except (ValueError, TypeError, OverflowError, AttributeError) as error:
        raise DataError(f"{path}: times in {units!r}, calendar {calendar}, cannot be read: {NEEDED}") from error
    return np.round(instants.astype(np.float64) / SECOND).astype(np.int64) * SECOND


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
    days = []
    for value in values.astype(np.float64).tolist():
        whole = int(value)
        try:
            date = cftime.datetime(whole // 10000, whole // 100 % 100, whole % 100, calendar=calendar)
        except ValueError as error:
            raise DataError(f"{path}: {value:.15g} is no day as YYYYMMDD: {' '.join(str(error).split())}") from error
        days.append(cftime.date2num(date, "days since 1900-01-01", calendar) + value - whole)
    return np.array(days)


def timeline(times: Mapping[Path, Times]) -> Timeline:
    """The files' times in their order, each once.

    Raises DataError, which names a file or two, where calendars differ, where times are not at whole multiples of the
    usual step, and where the times of one file lie between those of another.
    """
    calendar = _calendar(times)
    values = np.sort(np.concatenate([several.values for several in times.values()]))
    nearest = 1 if calendar == UNDATED else SECOND
    values = values[np.diff(values, prepend=values[:1] - nearest) >= nearest]
    steps = np.diff(values)
    joined = Timeline(values, calendar, _usual(steps))
    wrong = (np.abs(steps / max(joined.step, 1) - joined.counts) > 5 * NEAR) | (joined.counts < 1)
    if wrong.any():
        place = int(np.argmax(wrong))
        raise DataError(_uneven(times, joined, int(values[place]), int(values[place + 1])))
    _require_no_mixture(times, joined)
    return joined


def _calendar(times: Mapping[Path, Times]) -> str:
    """The calendar that all files have; raises DataError, which names two, where they differ or have none."""
    first, calendar = next((path, own.calendar) for path, own in times.items())
    for path, own in times.items():
        if own.calendar != calendar:
            raise DataError(
                f"{first} has the calendar {calendar} and {path} {own.calendar}: prepare them by themselves"
            )
        if calendar == UNDATED and path != first:
            raise DataError(
                f"{path} has times without units such as days since 2000-01-01: they cannot follow those of {first}"
            )
    return calendar


def _uneven(times: Mapping[Path, Times], joined: Timeline, before: int, after: int) -> str:
    path = next(path for path, own in times.items() if (np.abs(own.values - after) < SECOND).any())
    step = after - before
    way = "leave out what is between" if step < joined.step else "interpolate it to even steps, as with cdo inttime"
    return (
        f"{path}: times must be whole steps of {joined.in_words(joined.step)} apart, but {joined.label(before)} is "
        f"followed by {joined.label(after)}, {joined.in_words(step)} later, an uneven step: {way}, or prepare it by "
        "itself"
    )


def _usual(steps: Instants) -> int:
    """The most frequent step, of several the smallest; 0 where there is none."""
    if not len(steps):
        return 0
    ordered = np.sort(steps)
    first = np.searchsorted(ordered, ordered * (1 - NEAR), "left")
    last = np.searchsorted(ordered, ordered * (1 + NEAR), "right")
    best = int(np.argmax(last - first))
    return int(np.median(ordered[first[best] : last[best]]))


def _require_no_mixture(times: Mapping[Path, Times], joined: Timeline) -> None:
    """Raise DataError, which names two files, where the times of one lie between those of the other.

    As when noon and midnight stand for the same days: each has a step of at least two of the joined ones. Files whose
    names differ in their digits alone count as one.
    """
    series: dict[str, list[Path]] = {}
    for path in times:
        series.setdefault(re.sub(r"\d+", "#", str(path)), []).append(path)
    sets = [*series.values(), *([path] for paths in series.values() if len(paths) > 1 for path in paths)]
    instants = [(paths[0], np.unique(np.concatenate([times[path].values for path in paths]))) for paths in sets]
    wide = [
        (path, values, step) for path, values in instants
        if (step := _usual(np.diff(values))) and step >= 2 * joined.step * (1 - NEAR)
    ]  # fmt: skip
    for number, (path, values, step) in enumerate(wide):
        for other, others, _ in wide[:number]:
            is_beside = values[0] > others[-1] or others[0] > values[-1]
            if not is_beside and not np.isin(values, others).any():
                raise DataError(
                    f"{other} and {path} have times between each other's, each {joined.in_words(step)} apart, "
                    f"{joined.label(int(others[0]))} and {joined.label(int(values[0]))} first: leave one out, or "
                    "prepare them by themselves"
                )
