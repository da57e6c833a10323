"""What one file has of a region: the components of its velocities in m/s, and how they were found."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from data.errors import DataError
from data.fields.schema import Frames
from data.ocean.axes import axes_of, with_coordinates
from data.ocean.components import Chosen, chosen
from data.ocean.grid import Grid, grid_of
from data.ocean.levels import Choice, Level, one_of_each, same_level
from data.ocean.opening import opened, text_of
from data.ocean.speeds import factor_of, speeds_of
from data.ocean.times import Times, times_of


@dataclass(frozen=True)
class Part:
    """A component, "u" or "v", in a file: velocities (t, h, w), NaN where it has none; the first row in the north."""

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


def read_parts(path: Path, choice: Choice) -> list[Part]:
    """A file's components, one or both; raises DataError for a file without currents, or with several fields a time."""
    with opened(path) as dataset:
        currents = chosen(path, dataset, choice.variables)
        dataset = with_coordinates(dataset)
        parts = [_part(path, dataset[name], component, currents, choice) for component, name in currents.names.items()]
    first, last = parts[0], parts[-1]
    if first.grid.turn_to(last.grid) != 0:
        raise DataError(f"{path}: u and v are on different grids: interpolate both to one, as with cdo remapbil")
    if not np.array_equal(first.times.values, last.times.values) or not same_level(first.level, last.level):
        raise DataError(f"{path}: u and v have different times or levels")
    return parts


def _part(path: Path, field: xr.DataArray, component: str, currents: Chosen, choice: Choice) -> Part:
    factor, axes = factor_of(path, field), axes_of(path, field)
    grid = grid_of(path, axes)
    if currents.kind.along_grid and axes.latitude.ndim == 2:
        raise DataError(
            f"{path}: {field.name} is along the axes of the file's own grid, which need not be east and north: turn it "
            "to eastward and northward on a grid of latitudes and longitudes"
        )
    places, level, selected = one_of_each(path, field, axes.others, choice)
    times = times_of(path, axes.time)
    if not len(times.values):
        raise DataError(f"{path} has no field: its times are none")
    plane = field.isel(places)
    plane = (plane if axes.time.dims else plane.expand_dims("time")).transpose(..., *grid.dimensions)
    values, outside = speeds_of(path, plane, factor, grid.rows, grid.columns)
    return Part(path, component, currents, values, outside, text_of(field, "units"), times, grid, level, selected)
