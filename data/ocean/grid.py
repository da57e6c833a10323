"""Rectilinear grids: rows from north to south, columns from west to east around the circle of longitudes."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from data.errors import DataError
from data.ocean.axes import ADVICE, NEAR, Places, around, degrees_of

HOLE = 1.9
"""A step longer than those beside it by this factor is a hole in the grid."""
CUT = 1.5
"""A circle is cut at its longest step where that is longer than all others by this factor."""


@dataclass(frozen=True)
class Grid:
    """Latitudes from north to south, longitudes from west to east without a jump, and where they stand in the file."""

    latitude: Places
    longitude: Places
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    dimensions: tuple[str, str]
    """Of the rows, of the columns."""
    is_circle: bool
    """Whether the columns go around the globe."""
    twice: int = 0
    """Columns left out, as they stand once more 360 degrees away."""

    def turn_to(self, other: "Grid") -> int | None:
        """How far the columns are to be turned to stand as the other's, mostly 0; None where it is another grid."""
        if self.latitude.shape != other.latitude.shape or self.longitude.shape != other.longitude.shape:
            return None
        turn = 0
        if self.is_circle and other.is_circle:
            turn = -int(np.argmin(np.abs(around(self.longitude - other.longitude[0]))))
        away = np.abs(around(np.roll(self.longitude, turn) - other.longitude)).max()
        is_same = np.abs(self.latitude - other.latitude).max() <= NEAR * _step(other.latitude)
        return turn if is_same and away <= NEAR * _step(other.longitude) else None


def grid_of(path: Path, latitudes: xr.DataArray, longitudes: xr.DataArray) -> Grid:
    """The grid of a field's places; raises DataError for one that is not of parallels and meridians, or has holes."""
    latitude, rows = _line(path, latitudes, "latitude")
    longitude, columns = _line(path, longitudes, "longitude")
    if rows == columns:
        raise DataError(f"{path} has points along {rows}, not a grid of latitudes and longitudes")
    if np.abs(latitude).max() > 90 + 1e-6:
        raise DataError(f"{path}: latitudes must lie within 90 degrees, got {latitude[np.abs(latitude).argmax()]:g}")
    order = np.argsort(-latitude, kind="stable")
    _require_whole(path, "latitude", latitude[order])
    places, turned, is_circle = _around_the_globe(longitude)
    _require_whole(path, "longitude", turned)
    return Grid(latitude[order], turned, order, places, (rows, columns), is_circle, twice=len(longitude) - len(places))


def _line(path: Path, coordinate: xr.DataArray, kind: str) -> tuple[Places, str]:
    """The values along one dimension, and that dimension; those along two must repeat those of one."""
    values, dimensions = degrees_of(path, coordinate, kind), list(map(str, coordinate.dims))
    if values.ndim == 1:
        return values, dimensions[0]
    for axis in (1, 0):
        line = values[:, 0] if axis == 1 else values[0]
        away = values - np.expand_dims(line, axis)
        if np.abs(around(away) if kind == "longitude" else away).max() <= NEAR * _step(line):
            return line, dimensions[1 - axis]
    raise DataError(
        f"{path} is on a curvilinear grid, its {kind}s {coordinate.name} vary along {' and '.join(dimensions)}: "
        f"{ADVICE}"
    )


def _around_the_globe(raw: Places) -> tuple[NDArray[np.intp], Places, bool]:
    """The columns from west to east, their longitudes, and whether they are a circle, cut where the file cuts it."""
    order = np.argsort(raw, kind="stable")
    values = raw[order]
    once = values - values[0] < 360 - NEAR * _step(values)
    order, values = order[once], values[once]
    steps = np.diff(np.append(values, values[0] + 360))
    start, is_circle = 0, len(values) > 2
    if len(values) > 1 and steps.max() > CUT * np.sort(steps)[-2]:
        start, is_circle = (int(steps.argmax()) + 1) % len(values), False
    turned = np.roll(values, -start)
    turned[len(values) - start :] += 360
    if start:
        turned -= 360 * np.floor((turned[0] + 180) / 360)
    return np.roll(order, -start), turned, is_circle


def _require_whole(path: Path, kind: str, values: Places) -> None:
    """Raise DataError for places that stand twice, and for a hole between them."""
    steps = np.abs(np.diff(values))
    if len(steps) and steps.min() <= NEAR * _step(values):
        raise DataError(f"{path} has the {kind} {values[int(steps.argmin())]:g} twice")
    padded = np.concatenate([[0], steps, [0]])
    holes = np.flatnonzero(steps > HOLE * np.maximum(padded[:-2], padded[2:]))
    if len(steps) > 1 and len(holes):
        first, last = values[holes[0]], values[holes[0] + 1]
        raise DataError(f"{path}: {kind}s jump from {first:g} to {last:g}: make a file of each side")


def _step(values: Places) -> float:
    """The usual distance of neighbours."""
    steps = np.abs(np.diff(np.sort(values)))
    steps = steps[steps > 0]
    return float(np.median(steps)) if len(steps) else 1.0
