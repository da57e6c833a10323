"""What one file has of a region: its velocities in m/s, with their times, their grid and how they were found."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from data.errors import DataError
from data.fields.schema import Frames
from data.ocean.axes import Axes, axes_of, has_times, with_coordinates
from data.ocean.grid import Grid, grid_of
from data.ocean.levels import Choice, Level, one_of_each, same_level
from data.ocean.naming import Chosen, NoCurrents, chosen
from data.ocean.opening import opened, text_of
from data.ocean.speed_units import metres_per_second
from data.ocean.times import Times, times_of
from data.ocean.values import in_metres_per_second, limits_of, require_currents


@dataclass(frozen=True)
class Part:
    """Velocities (t, h, w) of u, of v or of both, NaN where the file has none; the first row in the north."""

    path: Path
    chosen: Chosen
    planes: Mapping[str, Frames]
    times: Times
    grid: Grid
    units: Mapping[str, str]
    """As they stand in the file, empty where there are none."""
    level: Level | None
    selected: Mapping[str, str]
    """Values along other dimensions, and the member of an ensemble where the file has one alone."""
    outside: int = 0
    """Values outside of valid_min, valid_max or valid_range, which are missing."""


class NoFields(DataError):
    """A file has neither currents nor times, as a mask or the depth of the sea floor has none."""


def read_part(path: Path, choice: Choice) -> Part:
    """A file's part of a region; raises DataError for a file that holds no currents, or more than one field a time."""
    with opened(path) as dataset:
        try:
            names = chosen(path, dataset, choice.variables)
        except NoCurrents as error:
            if has_times(dataset):
                raise
            raise NoFields(str(error)) from error
        dataset = with_coordinates(dataset)
        found = {component: _plane(path, dataset[name], names, choice) for component, name in names.names.items()}
        sides = list(found.values())
        first, last = sides[0], sides[-1]
        if first.grid.turn_to(last.grid) != 0:
            raise DataError(f"{path}: u and v are on different grids: interpolate both to one, as with cdo remapbil")
        if not np.array_equal(first.times.values, last.times.values) or not same_level(first.level, last.level):
            raise DataError(f"{path}: u and v have different times or levels")
        units = {component: text_of(dataset[name], "units") for component, name in names.names.items()}
        planes = {component: side.values for component, side in found.items()}
        outside = sum(side.outside for side in sides)
        return Part(path, names, planes, first.times, first.grid, units, first.level, first.selected, outside)


@dataclass(frozen=True)
class _Plane:
    values: Frames
    times: Times
    grid: Grid
    level: Level | None
    selected: Mapping[str, str]
    outside: int


def _plane(path: Path, field: xr.DataArray, names: Chosen, choice: Choice) -> _Plane:
    factor = _factor(path, field)
    axes = axes_of(path, field)
    grid = grid_of(path, axes)
    if names.kind.along_grid and axes.latitude.ndim == 2:
        raise DataError(
            f"{path}: {field.name} is along the axes of the file's own grid, which need not be east and north: turn it "
            "to eastward and northward on a grid of latitudes and longitudes"
        )
    places, level, selected = one_of_each(path, field, axes.others, choice)
    times = times_of(path, axes.time)
    if not len(times.values):
        raise DataError(f"{path} has no field: its times are none")
    speeds, outside = _speeds(path, field.isel(places), factor, axes, grid)
    return _Plane(speeds, times, grid, level, selected, outside)


def _factor(path: Path, field: xr.DataArray) -> float:
    """m/s in the field's units; without units they are m/s."""
    units = text_of(field, "units")
    factor = metres_per_second(units) if units else 1.0
    if factor is None:
        raise DataError(f"{path}: {field.name} is in {units!r}, which is no velocity that becomes m/s")
    return factor


def _speeds(path: Path, field: xr.DataArray, factor: float, axes: Axes, grid: Grid) -> tuple[Frames, int]:
    """In m/s (t, h, w), in the order of the grid's rows and columns, NaN for what is missing; how much is not valid."""
    limits = limits_of(field.attrs, field.encoding.get("dtype"), field.encoding)
    raw = field.transpose(*axes.time.dims, *grid.dimensions).to_numpy()
    raw = raw if axes.time.dims else raw[None]
    speeds = np.empty((len(raw), len(grid.rows), len(grid.columns)), np.float32)
    places = np.ix_(grid.rows, grid.columns)
    outside = sum(
        in_metres_per_second(frame[places], factor, limits, speed) for frame, speed in zip(raw, speeds, strict=True)
    )
    require_currents(path, field.name or "", text_of(field, "units"), factor, speeds)
    return speeds, outside
