"""Surface currents read from NetCDF files: those of one grid are a region, in the order of their times."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from data.errors import DataError
from data.fields.schema import Frames
from data.ocean.axes import axes_of, with_coordinates
from data.ocean.components import Chosen, NoFields, chosen
from data.ocean.grid import Grid, grid_of
from data.ocean.levels import NEAREST, Choice, Level, one_of_each, same_level
from data.ocean.opening import names_of, opened, text_of
from data.ocean.speeds import factor_of, speeds_of, values_of
from data.ocean.temperatures import offset_of, require_temperatures, temperature_in
from data.ocean.times import NO_STEP, UNDATED, Timeline, Times, timeline, times_of
from data.terminal import say

TEMPERATURE = "t"
MOST_MASKED = 0.5
"""A time at which a larger share of a region's water has no value is a gap, as if its file were missing."""
SAME = 1e-5
"""Values that differ by less are equal, m/s or degrees Celsius, and this share of them."""


@dataclass(frozen=True)
class Part:
    """A component, "u", "v" or "t", in a file: values (t, h, w), NaN where it has none; the first row in the north."""

    path: Path
    component: str
    currents: Chosen
    """Of the file."""
    values: Frames
    outside: int
    """Values outside of valid_min, valid_max or valid_range, which are missing."""
    units: str
    """As they stand in the file, empty where there are none."""
    times: Times
    grid: Grid
    level: Level | None
    selected: Mapping[str, str]
    """Values along other dimensions, and the member of an ensemble where the file has one alone."""

    @property
    def name(self) -> str:
        """The variable's."""
        return self.currents.names[self.component]


@dataclass(frozen=True)
class Region:
    """Fields (t, c, h, w) of a part of the ocean: (u, v) eastward and northward in m/s, the first row in the north.

    A temperature in degrees Celsius follows them where one is read. Land is 0 there, has the mean temperature, and is
    True in ``land`` (h, w): whatever is no number at any time. ``breaks`` are the frames that follow a gap in time.
    ``facts`` say what was chosen in the files.
    """

    name: str
    fields: Frames
    land: NDArray[np.bool_]
    breaks: tuple[int, ...]
    facts: Mapping[str, Any]


def read_regions(files: Sequence[Path], choice: Choice = NEAREST) -> list[Region]:
    """The regions in the files, by name; files of one grid follow each other in time, whatever they are called.

    Raises DataError, which names the file, where what is in it is not known for sure.
    """
    groups: list[list[Part]] = []
    for part in _parts(files, choice):
        for group in groups:
            if (turn := part.grid.turn_to(group[0].grid)) is not None:
                group.append(replace(part, values=np.roll(part.values, turn, -1)) if turn else part)
                break
        else:
            groups.append([part])
    names = names_of([[part.path for part in group] for group in groups])
    regions = [_joined(name, group, choice.components) for name, group in zip(names, groups, strict=True)]
    dated = [region for region in regions if region.facts["calendar"] != UNDATED]
    steps = [(region.name, region.facts["step"]) for region in dated if region.facts["step"] != NO_STEP]
    for name, step in steps:
        if step != steps[0][1]:
            raise DataError(
                f"regions must have one step in time, but {steps[0][0]} has {steps[0][1]} and {name} {step}: prepare "
                "them in folders of their own"
            )
    return sorted(regions, key=lambda region: region.name)


def _parts(files: Sequence[Path], choice: Choice) -> Iterator[Part]:
    """What the files have; those with neither currents nor times are left out, which is said, unless all are such."""
    left_out = []
    for path in files:
        try:
            yield from read_parts(path, choice)
        except NoFields as error:
            left_out.append((path, error))
    if len(left_out) == len(files):
        raise left_out[0][1]
    for path, _ in left_out:
        say(f"{path} has neither currents nor times: it is left out")


def read_parts(path: Path, choice: Choice) -> list[Part]:
    """A file's components, some of u, v and the temperature; raises DataError for one with none, or several a time."""
    with opened(path) as dataset:
        warmth = None if choice.temperature is None else temperature_in(path, dataset, choice.temperature)
        currents = chosen(path, dataset, choice.variables, warmth)
        dataset = with_coordinates(dataset)
        parts = [_part(path, dataset[name], component, currents, choice) for component, name in currents.names.items()]
    first = parts[0]
    for part in parts[1:]:
        both = f"{first.component} and {part.component}"
        if first.grid.turn_to(part.grid) != 0:
            raise DataError(f"{path}: {both} are on different grids: interpolate both to one, as with cdo remapbil")
        if not np.array_equal(first.times.values, part.times.values) or not _of_one_level(first, part):
            raise DataError(f"{path}: {both} have different times or levels")
    return parts


def _of_one_level(part: Part, other: Part) -> bool:
    """Whether the levels are one; that of a temperature without levels is the surface, of which currents are, too."""
    bare = [one for one in (part, other) if one.component == TEMPERATURE and one.level is None]
    return bool(bare) or same_level(part.level, other.level)


def _part(path: Path, field: xr.DataArray, component: str, currents: Chosen, choice: Choice) -> Part:
    latitudes, longitudes, instants = axes_of(path, field)
    grid = grid_of(path, latitudes, longitudes)
    if currents.kind.along_grid and latitudes.ndim == 2 and component != TEMPERATURE:
        raise DataError(
            f"{path}: {field.name} is along the axes of the file's own grid, which need not be east and north: turn it "
            "to eastward and northward on a grid of latitudes and longitudes"
        )
    others = [str(name) for name in field.dims if name not in (*latitudes.dims, *longitudes.dims, *instants.dims)]
    places, level, selected = one_of_each(path, field, others, choice)
    times = times_of(path, instants)
    if not len(times.values):
        raise DataError(f"{path} has no field: its times are none")
    plane = field.isel(places)
    plane = (plane if instants.dims else plane.expand_dims("time")).transpose(..., *grid.dimensions)
    values, outside = _measured(path, plane, component, grid)
    return Part(path, component, currents, values, outside, text_of(field, "units"), times, grid, level, selected)


def _measured(path: Path, plane: xr.DataArray, component: str, grid: Grid) -> tuple[Frames, int]:
    """The values in m/s, or in degrees Celsius, and how many are not valid."""
    if component != TEMPERATURE:
        return speeds_of(path, plane, factor_of(path, plane), grid.rows, grid.columns)
    values, outside = values_of(plane, (1.0, offset_of(path, plane)), grid.rows, grid.columns)
    require_temperatures(path, plane, values)
    return values, outside


def _joined(name: str, parts: Sequence[Part], components: str) -> Region:
    """The parts of one region, in the order of their times."""
    parts = sorted(parts, key=lambda part: part.component == TEMPERATURE)
    _require_alike(parts)
    times = timeline({part.path: part.times for part in parts})
    fields, num_doubled = _filled(parts, times, components)
    gaps = np.isnan(fields)
    dry = gaps.any(axis=1)
    water = ~dry.all(axis=0)
    if not water.any():
        raise DataError(f"{parts[0].path} has no currents: every value is a fill value or not valid")
    for place, component in enumerate(components):
        values, absent = fields[:, place], gaps[:, place]
        values[absent] = values[~absent].mean(dtype=np.float64) if component == TEMPERATURE else 0
    is_whole = dry[:, water].mean(axis=1) <= MOST_MASKED
    if not is_whole.all():
        fields, dry = fields[is_whole], dry[is_whole]
    left = replace(times, values=times.values[is_whole])
    facts = _facts(parts, left, components) | {
        "gaps": times.gaps(),
        "masked": [times.label(value) for value in times.values[~is_whole]],
        "doubled": num_doubled,
        "sometimes_masked": _sometimes(dry, left),
    }
    return Region(name, fields, dry.any(axis=0), left.breaks, facts)


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
        if part.component != TEMPERATURE and part.currents.kind.title != first.currents.kind.title:
            raise DataError(
                f"{first.path} has the {first.currents} and {part.path} the {part.currents}: give --variables U V, or "
                "prepare them by themselves"
            )
        names = sorted({*first.selected, *part.selected})
        pairs: list[tuple[str, object, object]] = [
            (name, first.selected.get(name), part.selected.get(name)) for name in names
        ]
        if not _of_one_level(first, part):
            pairs.insert(0, ("level", first.level, part.level))
        for name, value, other in pairs:
            if value != other:
                has = f"{first.path} has {name} {value} and {part.path} {other}"
                raise DataError(f"{has}, on one grid: prepare them by themselves")


def _filled(parts: Sequence[Part], times: Timeline, components: str) -> tuple[Frames, int]:
    """All fields, each component of each time once; how many times stood in two places, with equal values."""
    fields = np.empty((len(times.values), len(components), *parts[0].values.shape[1:]), np.float32)
    sources: dict[tuple[int, str], Part] = {}
    doubled = set()
    for part in parts:
        for number, place in enumerate(times.places(part.times.values).tolist()):
            field, values = fields[place, components.index(part.component)], part.values[number]
            other = sources.get((place, part.component))
            if other is None:
                sources[place, part.component], field[...] = part, values
                continue
            doubled.add((part.path, number))
            if not np.allclose(field, values, rtol=SAME, atol=SAME, equal_nan=True):
                when = times.label(times.values[place])
                if part is other:
                    raise DataError(f"{part.path} has {when} twice, with different values of {part.name}")
                raise DataError(
                    f"{other.path} and {part.path} have different values of {part.name} on {when} at the same places: "
                    "leave one of them out"
                )
    _require_all(sources, times, components)
    return fields, len(doubled)


def _require_all(sources: Mapping[tuple[int, str], Part], times: Timeline, components: str) -> None:
    """Raise DataError, which names a file and a time, where one component stands without another."""
    for place, value in enumerate(times.values):
        present = [component for component in components if (place, component) in sources]
        for absent in components:
            if absent not in present:
                part = sources[place, present[0]]
                lacking, option = ("a temperature", "it with --temperature NAME") if absent == TEMPERATURE else (
                    absent, "both with --variables U V"
                )  # fmt: skip
                raise DataError(
                    f"{part.path} has {part.name} on {times.label(value)}, but no file has {lacking} then on "
                    f"the same grid: add it, or name {option}"
                )


def _facts(parts: Sequence[Part], times: Timeline, components: str) -> dict[str, Any]:
    """What was chosen, as the manifest has it."""
    level, grid = parts[0].level, parts[0].grid
    sides = [[part for part in parts if part.component == component] for component in components]
    return {
        "variables": [_alternatives(part.name for part in side) for side in sides],
        "kind": parts[0].currents.kind.title,
        "passed_over": sorted({name for part in parts for name in part.currents.passed_over}),
        "units": [_alternatives(part.units or "m s-1 (no units given)" for part in side) for side in sides],
        "level": None if level is None else asdict(level),
        "selected": dict(parts[0].selected),
        "calendar": times.calendar, "first": times.label(times.values[0]), "last": times.label(times.values[-1]),
        "step": times.in_words(times.step),
        "latitudes": [float(grid.latitude[-1]), float(grid.latitude[0])],
        "longitudes": [float(grid.longitude[0]), float(grid.longitude[-1])],
        "columns_left_out": grid.twice,
        "outside": sum(part.outside for part in parts),
    }  # fmt: skip


def _alternatives(texts: Iterable[str]) -> str:
    return " or ".join(dict.fromkeys(texts))
