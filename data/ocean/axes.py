"""What the dimensions of a field are: by CF's attributes, which cf-xarray reads, else by common names."""

import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path

import cf_xarray  # noqa: F401  (adds .cf to xarray's objects)
import xarray as xr

from data.errors import DataError
from data.ocean.opening import text_of

TIME_NAMES = re.compile(r"time[0-9]*|t|date|mt|time_counter|ocean_time|record|valid_time|time_\w+", re.IGNORECASE)
LEVEL_NAMES = re.compile(
    r"(olev|lev|level|depth|elevation|altitude|height|z|nav_lev|gdep|s_rho|sigma)\w*", re.IGNORECASE
)
PLACE_NAMES = {
    "latitude": re.compile(r"((nav_|geo|[xytupv])?lat(itude)?s?|gphi)([_0-9]\w*)?", re.IGNORECASE),
    "longitude": re.compile(r"((nav_|geo|[xytupv])?lon(g|gitude)?s?|glam)([_0-9]\w*)?", re.IGNORECASE),
}
NO_TIME = re.compile(r"reference|reftime|run|analysis|period|bounds|bnds", re.IGNORECASE)
"""Words in the names of times that are not those of the field, such as that of a forecast's start."""


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
    units, standard = text_of(coordinate, "units").lower(), text_of(coordinate, "standard_name").lower()
    by_attributes = standard in ("latitude", "longitude") or bool(re.fullmatch(r"degrees?_?(north|east|n|e)", units))
    return by_attributes or any(pattern.fullmatch(name) for pattern in PLACE_NAMES.values())


def _place(path: Path, field: xr.DataArray, kind: str) -> xr.DataArray:
    """The latitudes or longitudes: the dimension's own first, then others along one dimension, then along two."""
    names = [
        *field.cf.coordinates.get(kind, ()),
        *(name for name in field.coords if PLACE_NAMES[kind].fullmatch(str(name))),
    ]
    found = [one for one in (_without_ones(field.coords[name]) for name in dict.fromkeys(names)) if one.ndim in (1, 2)]
    if not found:
        have = ", ".join(sorted(map(str, field.coords))) or "no coordinates"
        raise DataError(f"{path} must have the {kind}s of {field.name}, in degrees; it has {have}")
    return min(found, key=lambda one: (one.ndim, one.name not in one.dims))


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
        lambda: text_of(one, "standard_name").lower() == "time", lambda: one.ndim == 1, lambda: one.name in by_axis,
        lambda: one.name in one.dims, lambda: " since " in text_of(one, "units").lower(),
    ]  # fmt: skip
    return tuple(not test() for test in tests)
