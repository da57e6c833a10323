"""Times of fields in their order, and the steps that are missing between them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cftime
import numpy as np
from numpy.typing import NDArray

from data.errors import DataError
from data.ocean.times import EPOCH, SECOND, UNDATED, Instants, Times

NEAR = 0.01
"""Steps that differ by less than this share are equal."""
STEPS = (("day", 86400 * SECOND), ("hour", 3600 * SECOND), ("minute", 60 * SECOND), ("second", SECOND))


@dataclass(frozen=True)
class Timeline:
    """Times of a region in their order, at whole multiples of ``step``, which is 0 for one time alone."""

    values: Instants
    calendar: str
    step: int

    def label(self, value: int) -> str:
        """A time as a date, with the time of day where that is not midnight."""
        if self.calendar == UNDATED:
            return f"{value / SECOND:.15g}"
        date = cftime.num2date(value, EPOCH, self.calendar)
        text = date.strftime("%Y-%m-%d %H:%M:%S").strip()
        return text.removesuffix(":00").removesuffix(" 00:00")

    @property
    def step_text(self) -> str:
        """As in "1 day", "6 hours"."""
        if not self.step or self.calendar == UNDATED:
            return f"{self.step / SECOND:.15g}" if self.step else "none"
        return in_words(self.step)

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


def in_words(step: int) -> str:
    """A step as in "1 day", "6 hours"."""
    name, size = next(((n, s) for n, s in STEPS if step % s == 0 or step / s >= 2), STEPS[-1])
    return f"{step / size:g} {name}{'s' * (step != size)}"


def timeline(paths: Sequence[Path], times: Sequence[Times], calendar: str) -> Timeline:
    """The files' times in their order, each once.

    Raises DataError, which names a file, where they are not at whole multiples of the usual step.
    """
    values = np.sort(np.concatenate([one.values for one in times]))
    values = (
        values[np.diff(values, prepend=values[:1] - 2 * SECOND) >= SECOND] if calendar != UNDATED else np.unique(values)
    )
    steps = np.diff(values)
    found = Timeline(values, calendar, _usual(steps))
    wrong = np.abs(steps / max(found.step, 1) - found.counts) > 5 * NEAR
    if (wrong | (found.counts < 1)).any():
        place = int(np.argmax(wrong | (found.counts < 1)))
        after = int(values[place + 1])
        home = next(path for path, one in zip(paths, times, strict=True) if _has(one, after))
        raise DataError(_uneven(home, found, int(values[place]), after))
    return found


def _has(times: Times, value: int) -> bool:
    return bool((np.abs(times.values - value) < SECOND).any())


def _uneven(path: Path, found: Timeline, before: int, after: int) -> str:
    step = after - before
    words = f"{step / SECOND:.15g}" if found.calendar == UNDATED else in_words(step)
    way = "leave out what is between" if step < found.step else "interpolate it to even steps, as with cdo inttime"
    return (
        f"{path}: times must be whole steps of {found.step_text} apart, but {found.label(before)} is followed by "
        f"{found.label(after)}, {words} later, an uneven step: {way}, or prepare it by itself"
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


def places_in(found: Timeline, values: Instants) -> NDArray[np.intp]:
    """Where times stand in the timeline that they are part of."""
    right = np.clip(np.searchsorted(found.values, values), 0, len(found.values) - 1)
    left = np.maximum(right - 1, 0)
    return np.where(np.abs(found.values[left] - values) <= np.abs(found.values[right] - values), left, right)


def require_no_mixture(paths: Sequence[Path], times: Sequence[Times], found: Timeline) -> None:
    """Raise DataError, which names two files, where the times of one lie between those of the other.

    As when noon and midnight stand for the same days: each has a step of at least two of the joined ones. Files whose
    names differ in their digits alone count as one.
    """
    series: dict[str, list[int]] = {}
    for place, path in enumerate(paths):
        series.setdefault(re.sub(r"\d+", "#", str(path)), []).append(place)
    sets = list(series.values()) + [[place] for mine in series.values() if len(mine) > 1 for place in mine]
    wide = [
        (paths[mine[0]], values)
        for mine in sets
        if len(values := np.unique(np.concatenate([times[place].values for place in mine]))) > 1
        and _usual(np.diff(values)) >= 2 * found.step * (1 - NEAR)
    ]
    for number, (path, values) in enumerate(wide):
        for other, others in wide[:number]:
            is_beside = values[0] > others[-1] or others[0] > values[-1]
            if not is_beside and not np.isin(values, others).any():
                raise DataError(
                    f"{other} and {path} have times between each other's, each {in_words(_usual(np.diff(values)))} "
                    f"apart, {found.label(int(others[0]))} and {found.label(int(values[0]))} first: leave one out, or "
                    "prepare them by themselves"
                )


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
