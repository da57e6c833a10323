"""Surface currents read from NetCDF files: those of one grid are a region, in the order of their times."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import DataError
from data.fields.schema import Frames
from data.ocean.levels import Choice, same_level
from data.ocean.parts import NoFields, Part, read_part
from data.ocean.regions import names_of
from data.ocean.timeline import Timeline, one_calendar, places_in, require_no_mixture, timeline
from data.ocean.times import UNDATED
from data.terminal import say

MOST_MASKED = 0.5
"""A time at which a larger share of a region's water has no value is a gap, as if its file were missing."""
SAME = 1e-5
"""Velocities that differ by less are equal, m/s, and this share of them."""


@dataclass(frozen=True)
class Region:
    """Fields (t, 2, h, w) of a part of the ocean, m/s: (u, v) eastward and northward, the first row in the north.

    Land is 0 there, and True in ``land`` (h, w): whatever is no number at any time. ``breaks`` are the frames that
    follow a gap in time. ``facts`` say what was chosen in the files.
    """

    name: str
    fields: Frames
    land: NDArray[np.bool_]
    times: Timeline
    facts: Mapping[str, Any]

    @property
    def breaks(self) -> tuple[int, ...]:
        return self.times.breaks


def read_regions(files: Sequence[Path], choice: Choice | None = None) -> list[Region]:
    """The regions in the files, by name; files of one grid follow each other in time, whatever they are called.

    Raises DataError, which names the file, where what is in it is not known for sure.
    """
    choice = choice or Choice()
    groups: list[list[tuple[Part, int]]] = []
    for part in _parts(files, choice):
        for group in groups:
            if (turn := part.grid.turn_to(group[0][0].grid)) is not None:
                group.append((part, turn))
                break
        else:
            groups.append([(part, 0)])
    names = names_of([[part.path for part, _ in group] for group in groups])
    found = [
        _joined(name, [part for part, _ in group], [turn for _, turn in group])
        for name, group in zip(names, groups, strict=True)
    ]
    _require_one_step(found)
    return sorted(found, key=lambda region: region.name)


def _parts(files: Sequence[Path], choice: Choice) -> Iterator[Part]:
    """What the files have; those with neither currents nor times are left out, which is said, unless all are such."""
    left_out = []
    for path in files:
        try:
            yield read_part(path, choice)
        except NoFields as error:
            left_out.append((path, error))
    if len(left_out) == len(files):
        raise left_out[0][1]
    for path, _ in left_out:
        say(f"{path} has neither currents nor times: it is left out")


def _require_one_step(regions: Sequence[Region]) -> None:
    known = [region for region in regions if region.times.step and region.times.calendar != UNDATED]
    for region in known:
        if region.times.step_text != known[0].times.step_text:
            raise DataError(
                f"regions must have one step in time, but {known[0].name} has {known[0].times.step_text} and "
                f"{region.name} {region.times.step_text}: prepare them in folders of their own"
            )


def _joined(name: str, parts: Sequence[Part], turns: Sequence[int]) -> Region:
    """The parts of one region, in the order of their times."""
    _require_alike(parts)
    paths, given = [part.path for part in parts], [part.times for part in parts]
    times = timeline(paths, given, one_calendar(paths, given))
    require_no_mixture(paths, given, times)
    fields, num_doubled = _filled(name, parts, turns, times)
    gaps = np.isnan(fields)
    kept = _kept(parts[0].path, gaps)
    if not kept.all():
        fields, gaps = fields[kept], gaps[kept]
    left = times.only(kept)
    fields[gaps] = 0
    dry = gaps.any(axis=1)
    masked = [times.label(value) for value in times.values[~kept]]
    facts = _facts(parts, left) | {"gaps": times.gaps(), "masked": masked, "doubled": num_doubled}
    return Region(name, fields, dry.any(axis=0), left, facts | {"sometimes_masked": _sometimes(dry, left)})


def _sometimes(dry: NDArray[np.bool_], times: Timeline) -> dict[str, Any] | None:
    """The share of the places that are masked at some times but not at all, and when most are; None for no place."""
    places = dry.any(axis=0) & ~dry.all(axis=0)
    if not places.any():
        return None
    most = int(dry[:, places].sum(axis=1).argmax())
    return {"share": float(places.mean()), "most": times.label(times.values[most])}


def _require_alike(parts: Sequence[Part]) -> None:
    """Raise DataError, which names two files, where they have currents of two kinds, levels or members."""
    first = parts[0]
    for part in parts[1:]:
        if part.chosen.kind is not first.chosen.kind and part.chosen.kind.title != first.chosen.kind.title:
            raise DataError(
                f"{first.path} has the {first.chosen.kind.title} ({_names(first)}) and {part.path} the "
                f"{part.chosen.kind.title} ({_names(part)}): give --variables U V, or prepare them by themselves"
            )
        if not same_level(first.level, part.level):
            raise DataError(_differ(first.path, f"level {first.level}", part.path, str(part.level)))
        for name in {*first.selected, *part.selected}:
            if first.selected.get(name) != part.selected.get(name):
                raise DataError(
                    _differ(first.path, f"{name} {first.selected.get(name)}", part.path, str(part.selected.get(name)))
                )


def _differ(path: Path, what: str, other: Path, has: str) -> str:
    return f"{path} has {what} and {other} {has}, on one grid: prepare them by themselves"


def _names(part: Part) -> str:
    return ", ".join(part.chosen.names.values())


def _filled(name: str, parts: Sequence[Part], turns: Sequence[int], times: Timeline) -> tuple[Frames, int]:
    """All fields, each component of each time once; how many stood in two files, with equal values."""
    shape = parts[0].grid.latitude.shape + parts[0].grid.longitude.shape
    fields = np.empty((len(times.values), 2, *shape), np.float32)
    source: NDArray[np.intp] = np.full((len(times.values), 2), -1)
    num_doubled = 0
    for number, (part, turn) in enumerate(zip(parts, turns, strict=True)):
        for component, plane in part.planes.items():
            side = "uv".index(component)
            turned = np.roll(plane, turn, -1) if turn else plane
            for place, values in zip(places_in(times, part.times.values), turned, strict=True):
                if source[place, side] < 0:
                    fields[place, side], source[place, side] = values, number
                    continue
                other = parts[source[place, side]]
                num_doubled += side == "uv".index(min(part.planes))
                if not np.allclose(fields[place, side], values, rtol=SAME, atol=SAME, equal_nan=True):
                    raise DataError(_conflict(times.label(times.values[place]), part, other))
    if (source < 0).any():
        place, side = np.argwhere(source < 0)[0]
        has = parts[source[place, 1 - side]]
        raise DataError(
            f"{has.path} has {_names(has)} on {times.label(times.values[place])}, but no file has {'uv'[side]} then on "
            "the same grid: add it, or name both with --variables U V"
        )
    return fields, int(num_doubled)


def _conflict(when: str, part: Part, other: Part) -> str:
    if part is other:
        return f"{part.path} has {when} twice, with different currents"
    return f"{other.path} and {part.path} have different currents on {when} at the same places: leave one of them out"


def _kept(path: Path, gaps: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The times that have values in most of the region's water."""
    dry = gaps.any(axis=1)
    water = ~dry.all(axis=0)
    if not water.any():
        raise DataError(f"{path} has no currents: every value is a fill value or not valid")
    return np.asarray(dry[:, water].mean(axis=1) <= MOST_MASKED)


def _facts(parts: Sequence[Part], times: Timeline) -> dict[str, Any]:
    """What was chosen, as the manifest has it."""
    first = parts[0]
    names: dict[str, list[str]] = {}
    units: dict[str, list[str]] = {}
    for part in parts:
        for component in part.planes:
            names.setdefault(component, []).append(part.chosen.names[component])
            units.setdefault(component, []).append(part.units[component] or "m s-1 (no units given)")
    level, grid = first.level, first.grid
    return {
        "variables": [_all_of(names[component]) for component in "uv"],
        "kind": first.chosen.kind.title,
        "passed_over": sorted({name for part in parts for name in part.chosen.passed_over}),
        "units": [_all_of(units[component]) for component in "uv"],
        "level": None if level is None else asdict(level),
        "selected": dict(first.selected),
        "calendar": times.calendar, "first": times.label(times.values[0]), "last": times.label(times.values[-1]),
        "step": times.step_text,
        "latitudes": [float(grid.latitude[-1]), float(grid.latitude[0])],
        "longitudes": [float(grid.longitude[0]), float(grid.longitude[-1])],
        "columns_left_out": grid.twice,
        "outside": sum(part.outside for part in parts),
    }  # fmt: skip


def _all_of(found: Sequence[str]) -> str:
    return " or ".join(dict.fromkeys(found))
