"""What the dimensions of a field are: by CF's attributes, which cf-xarray reads, else by common names."""

import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path

import cf_xarray  # noqa: F401  (adds .cf to xarray's objects)
import numpy as np
import xarray as xr

from data.errors import DataError
from data.ocean.degrees import ADVICE, is_of
from data.ocean.opening import text_of

TIME_NAMES = re.compile(r"time[0-9]*|t|date|mt|time_counter|ocean_time|record|valid_time|time_\w+", re.IGNORECASE)
LEVEL_NAMES = re.compile(
    r"(olev|lev|level|depth|elevation|altitude|height|z|nav_lev|gdep|s_rho|sigma|siglay|siglev)\w*", re.IGNORECASE
)
PLACE_NAMES = {
    "latitude": re.compile(r"((nav_|geo|[xytupv])?lat(itude)?s?|gphi)([_0-9]\w*)?", re.IGNORECASE),
    "longitude": re.compile(r"((nav_|geo|[xytupv])?lon(g|gitude)?s?|glam)([_0-9]\w*)?", re.IGNORECASE),
}
SAME = 0.01
"""Places that differ by less than this share of the grid's step are equal."""
NO_TIME = re.compile(r"reference|reftime|run|analysis|period|bounds|bnds", re.IGNORECASE)
"""Words in the names of times that are not those of the field, such as that of a forecast's start."""


START = re.compile(r"initial|reference|start|analysis", re.IGNORECASE)
"""Words in the long name of a forecast's start, though its other attributes are those of the field's time."""


@dataclass(frozen=True)
class Axes:
    """The coordinates of a field; ``others`` are dimensions that are neither time nor place, the level among them."""

    latitude: xr.DataArray
    longitude: xr.DataArray
    time: xr.DataArray
    others: tuple[str, ...]


def with_coordinates(dataset: xr.Dataset) -> xr.Dataset:
    """The data set whose latitudes, longitudes, times and levels are coordinates, though no attribute may say so."""
    found = [
        name for name, variable in dataset.data_vars.items()
        if variable.ndim <= 3 and any(is_one(str(name), variable) for is_one in (_is_place, _is_time, is_level))
    ]  # fmt: skip
    return dataset.set_coords(found)


def has_times(dataset: xr.Dataset) -> bool:
    """Whether any variable of it is a time, or goes along one."""
    return any(TIME_NAMES.fullmatch(str(name)) for name in dataset.dims) or any(
        _is_time(str(name), dataset[name]) for name in dataset.variables
    )


def axes_of(path: Path, field: xr.DataArray) -> Axes:
    """The field's axes; raises DataError for one without places or times."""
    latitude, longitude = (_place(path, field, kind) for kind in ("latitude", "longitude"))
    time = _time(path, field)
    known = {*latitude.dims, *longitude.dims, *time.dims}
    return Axes(latitude, longitude, time, tuple(str(name) for name in field.dims if name not in known))


def coordinate_of(field: xr.DataArray, dimension: str) -> xr.DataArray | None:
    """The values along a dimension: its own, or those of another name, levels first; None where it has none."""
    if dimension in field.coords:
        return field.coords[dimension]
    found = [one for one in field.coords.values() if one.dims == (dimension,)]
    return min(found, key=lambda one: not is_level(str(one.name), one), default=None)


def is_level(name: str, coordinate: xr.DataArray) -> bool:
    """Whether it says how deep or high places are."""
    attributes = coordinate.attrs
    axis = attributes.get("axis") or attributes.get("cartesian_axis") or ""
    said = "positive" in attributes or str(axis).upper() == "Z"
    standard = text_of(coordinate, "standard_name").lower()
    return said or bool(re.search(r"depth|height|altitude|elevation|ocean_.*coordinate", standard)) or (
        LEVEL_NAMES.fullmatch(name) is not None
    )  # fmt: skip


def _is_place(name: str, coordinate: xr.DataArray) -> bool:
    return any(is_of(coordinate, kind) or pattern.fullmatch(name) for kind, pattern in PLACE_NAMES.items())


def _place(path: Path, field: xr.DataArray, kind: str) -> xr.DataArray:
    """The latitudes or longitudes: by attributes before names, along one dimension, its own first, before two.

    Raises DataError where others along two dimensions are not the same places.
    """
    names = [
        *field.cf.coordinates.get(kind, ()),
        *(str(name) for name, one in field.coords.items() if is_of(one, kind)),
        *(name for name in field.coords if PLACE_NAMES[kind].fullmatch(str(name))),
    ]
    found = [one for one in (_without_ones(field.coords[name]) for name in dict.fromkeys(names)) if one.ndim in (1, 2)]
    if not found:
        have = ", ".join(sorted(map(str, field.coords))) or "no coordinates"
        raise DataError(f"{path} must have the {kind}s of {field.name}, in degrees; it has {have}")
    best = min(found, key=lambda one: (not is_of(one, kind), one.ndim, one.name not in one.dims))
    for other in _of_two_dimensions(field, found) if best.ndim == 1 else ():
        _require_repeated(path, best, other, kind)
    return best


def _of_two_dimensions(field: xr.DataArray, found: list[xr.DataArray]) -> list[xr.DataArray]:
    """Those that the field's attribute names, else all."""
    both = [one for one in found if one.ndim == 2]
    named = str(field.encoding.get("coordinates", "")).split()
    return [one for one in both if one.name in named] or both


def _require_repeated(path: Path, line: xr.DataArray, plane: xr.DataArray, kind: str) -> None:
    """Raise DataError unless places along two dimensions are, where they have values, those along one of the two."""
    if line.dims[0] not in plane.dims or plane.dtype.kind not in "fiu" or line.dtype.kind not in "fiu":
        return
    away = (plane.variable - line.variable).to_numpy().astype(np.float64)
    away = np.abs((away + 180) % 360 - 180 if kind == "longitude" else away)
    step = np.abs(np.diff(line.to_numpy().astype(np.float64))).min(initial=1.0)
    if (away[np.isfinite(away)] > SAME * step).any():
        raise DataError(
            f"{path} is on a curvilinear grid, or contradicts itself: its {kind}s {plane.name} along "
            f"{' and '.join(map(str, plane.dims))} do not repeat {line.name}: {ADVICE}, or leave the wrong ones out"
        )


def _without_ones(coordinate: xr.DataArray) -> xr.DataArray:
    """Without dimensions of one value, beside which there are others."""
    return coordinate if coordinate.ndim < 2 else coordinate.squeeze(drop=True)


def _is_time(name: str, coordinate: xr.DataArray) -> bool:
    standard, since = text_of(coordinate, "standard_name").lower(), " since " in text_of(coordinate, "units").lower()
    if NO_TIME.search(standard) or (standard != "time" and NO_TIME.search(name)):
        return False
    return standard == "time" or since or TIME_NAMES.fullmatch(name) is not None


def _time(path: Path, field: xr.DataArray) -> xr.DataArray:
    """The times: by standard name first, then by axis, units and name; along a dimension rather than one alone."""
    by_axis = field.cf.axes.get("T", ())
    found = [
        one for name, one in field.coords.items() if one.ndim <= 1 and (name in by_axis or _is_time(str(name), one))
    ]
    if not found:
        timeless = [str(name) for name in field.dims if TIME_NAMES.fullmatch(str(name))]
        reason = f"its dimension {timeless[0]} has no values" if timeless else "one in its name is not read"
        raise DataError(f"{path} has no time, {reason}: give it a coordinate time in units as days since 2000-01-01")
    return min(found, key=lambda one: _rank_of_time(one, by_axis))


def _rank_of_time(one: xr.DataArray, by_axis: list[Hashable] | tuple[()]) -> tuple[bool, ...]:
    tests: list[Callable[[], bool]] = [
        lambda: START.search(text_of(one, "long_name")) is None, lambda: one.name == "valid_time",
        lambda: text_of(one, "standard_name").lower() == "time", lambda: one.ndim == 1, lambda: one.name in by_axis,
        lambda: one.name in one.dims, lambda: " since " in text_of(one, "units").lower(),
    ]  # fmt: skip
    return tuple(not test() for test in tests)
