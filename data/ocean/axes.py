"""What the dimensions of a field are: by CF's attributes, which cf-xarray reads, else by common names."""

import re
from pathlib import Path

import cf_xarray  # noqa: F401  (adds .cf to xarray's objects)
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from data.errors import DataError
from data.ocean.opening import text_of

Places = NDArray[np.float64]
TIME_NAMES = re.compile(r"time[0-9]*|t|date|mt|time_counter|ocean_time|record|valid_time|time_\w+", re.IGNORECASE)
LEVEL_NAMES = re.compile(
    r"(olev|lev|level|depth|elevation|altitude|height|z|nav_lev|gdep|s_rho|sigma|siglay|siglev)\w*", re.IGNORECASE
)
PLACE_NAMES = {
    "latitude": re.compile(r"((nav_|geo|[xytupv])?lat(itude)?s?|gphi)([_0-9]\w*)?", re.IGNORECASE),
    "longitude": re.compile(r"((nav_|geo|[xytupv])?lon(g|gitude)?s?|glam)([_0-9]\w*)?", re.IGNORECASE),
}
DEGREES = re.compile(r"(decimal[ _]?)?(degrees?|degr[^a-z_ ]{1,3}s?|degs?\.?|°|º)[ _]*")
SIDES = {
    "latitude": {"": 1, "n": 1, "north": 1, "northward": 1, "s": -1, "south": -1, "southward": -1},
    "longitude": {"": 1, "e": 1, "east": 1, "eastward": 1, "w": -1, "west": -1, "westward": -1},
}
"""What follows the degrees, and the sign that it gives them."""
NEAR = 0.01
"""Places that differ by less than this share of the grid's step are equal."""
NO_TIME = re.compile(r"reference|reftime|run|analysis|period|bounds|bnds", re.IGNORECASE)
"""Words in the names of times that are not those of the field, such as that of a forecast's start."""
START = re.compile(r"initial|reference|start|analysis", re.IGNORECASE)
"""Words in the long name of a forecast's start, though its other attributes are those of the field's time."""
ADVICE = "interpolate it to latitudes and longitudes, as with cdo remapbil"


def with_coordinates(dataset: xr.Dataset) -> xr.Dataset:
    """The data set whose latitudes, longitudes, times and levels are coordinates, though no attribute may say so."""
    return dataset.set_coords([
        name for name, variable in dataset.data_vars.items()
        if variable.ndim <= 3 and (_is_place(variable) or _is_time(variable) or is_level(variable))
    ])  # fmt: skip


def has_times(dataset: xr.Dataset) -> bool:
    """Whether any variable of it is a time, or goes along one."""
    return any(TIME_NAMES.fullmatch(str(name)) for name in dataset.dims) or any(
        _is_time(dataset[name]) for name in dataset.variables
    )


def axes_of(path: Path, field: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray, xr.DataArray]:
    """The field's latitudes, longitudes and times; raises DataError for one without places or times."""
    return _place(path, field, "latitude"), _place(path, field, "longitude"), _time(path, field)


def is_level(coordinate: xr.DataArray) -> bool:
    """Whether it says how deep or high places are."""
    attributes = coordinate.attrs
    axis = str(attributes.get("axis") or attributes.get("cartesian_axis") or "").upper()
    standard = text_of(coordinate, "standard_name").lower()
    return "positive" in attributes or axis == "Z" or LEVEL_NAMES.fullmatch(str(coordinate.name)) is not None or (
        re.search(r"depth|height|altitude|elevation|ocean_.*coordinate", standard) is not None
    )  # fmt: skip


def degrees_of(path: Path, coordinate: xr.DataArray, kind: str) -> Places:
    """The values in degrees north or east; raises DataError where they have other units or are of another grid."""
    standard, units = text_of(coordinate, "standard_name").lower(), text_of(coordinate, "units")
    if re.fullmatch(r"grid_(latitude|longitude)|projection_.*", standard):
        raise DataError(f"{path} is on a rotated or projected grid, its {coordinate.name} is {standard}: {ADVICE}")
    sign, values = SIDES[kind].get(_side(units) if units else ""), coordinate.to_numpy()
    if values.dtype.kind not in "fiu" or sign is None:
        towards = "north" if kind == "latitude" else "east"
        raise DataError(
            f"{path}: the {kind}s {coordinate.name} must be in degrees, as degrees_{towards}, got "
            f"{units or values.dtype}: correct the units, or {ADVICE}"
        )
    if standard in SIDES and standard != kind:
        raise DataError(f"{path}: {coordinate.name} has the standard name {standard}, but is a {kind} by its name")
    if not np.isfinite(values).all():
        raise DataError(f"{path}: {coordinate.name} has places without a value")
    return values.astype(np.float64) * sign


def around(degrees: Places) -> Places:
    """Differences of longitudes, from -180 to 180."""
    return (degrees + 180) % 360 - 180


def _side(units: str) -> str:
    """Where the degrees count towards, empty where that is not said; "nowhere" for what is no degrees."""
    text = re.sub("(?<=[a-z])S$", " s", units.strip()).casefold()
    degrees = DEGREES.match(text)
    return "nowhere" if degrees is None else text[degrees.end() :]


def _is_of(coordinate: xr.DataArray, kind: str) -> bool:
    """Whether its attributes say that it is the latitude, or the longitude."""
    side = _side(text_of(coordinate, "units"))
    return text_of(coordinate, "standard_name").lower() == kind or (side != "" and side in SIDES[kind])


def _is_place(coordinate: xr.DataArray) -> bool:
    return any(_is_of(coordinate, kind) or names.fullmatch(str(coordinate.name)) for kind, names in PLACE_NAMES.items())


def _place(path: Path, field: xr.DataArray, kind: str) -> xr.DataArray:
    """The latitudes or longitudes: by attributes before names, along one dimension, its own first, before two.

    Raises DataError where others along two dimensions are not the same places.
    """
    names = [
        *field.cf.coordinates.get(kind, ()),
        *(name for name, coordinate in field.coords.items() if _is_of(coordinate, kind)),
        *(name for name in field.coords if PLACE_NAMES[kind].fullmatch(str(name))),
    ]
    coordinates = [field.coords[name] for name in dict.fromkeys(names)]
    lines_and_planes = [place if place.ndim < 2 else place.squeeze(drop=True) for place in coordinates]
    places = [place for place in lines_and_planes if place.ndim in (1, 2)]
    if not places:
        have = ", ".join(sorted(map(str, field.coords))) or "no coordinates"
        raise DataError(f"{path} must have the {kind}s of {field.name}, in degrees; it has {have}")
    best = min(places, key=lambda place: (not _is_of(place, kind), place.ndim, place.name not in place.dims))
    if best.ndim == 1:
        planes = [place for place in places if place.ndim == 2]
        named = str(field.encoding.get("coordinates", "")).split()
        for plane in [place for place in planes if place.name in named] or planes:
            _require_repeated(path, best, plane, kind)
    return best


def _require_repeated(path: Path, line: xr.DataArray, plane: xr.DataArray, kind: str) -> None:
    """Raise DataError unless places along two dimensions are, where they have values, those along one of the two."""
    if line.dims[0] not in plane.dims or plane.dtype.kind not in "fiu" or line.dtype.kind not in "fiu":
        return
    away = (plane.variable - line.variable).to_numpy().astype(np.float64)
    away = np.abs(around(away) if kind == "longitude" else away)
    step = np.abs(np.diff(line.to_numpy().astype(np.float64))).min(initial=1.0)
    if (away[np.isfinite(away)] > NEAR * step).any():
        raise DataError(
            f"{path} is on a curvilinear grid, or contradicts itself: its {kind}s {plane.name} along "
            f"{' and '.join(map(str, plane.dims))} do not repeat {line.name}: {ADVICE}, or leave the wrong ones out"
        )


def _is_time(coordinate: xr.DataArray) -> bool:
    name, standard = str(coordinate.name), text_of(coordinate, "standard_name").lower()
    if NO_TIME.search(standard) or (standard != "time" and NO_TIME.search(name)):
        return False
    return standard == "time" or _is_dated(coordinate) or TIME_NAMES.fullmatch(name) is not None


def _is_dated(coordinate: xr.DataArray) -> bool:
    return " since " in text_of(coordinate, "units").lower()


def _time(path: Path, field: xr.DataArray) -> xr.DataArray:
    """The times: by standard name first, then by axis, units and name; along a dimension rather than one alone."""
    by_axis = field.cf.axes.get("T", ())
    times = [time for name, time in field.coords.items() if time.ndim <= 1 and (name in by_axis or _is_time(time))]
    if not times:
        timeless = [str(name) for name in field.dims if TIME_NAMES.fullmatch(str(name))]
        reason = f"its dimension {timeless[0]} has no values" if timeless else "one in its name is not read"
        raise DataError(f"{path} has no time, {reason}: give it a coordinate time in units as days since 2000-01-01")
    return max(times, key=lambda time: _rank(time, time.name in by_axis))


def _rank(time: xr.DataArray, is_by_axis: bool) -> tuple[bool, ...]:
    """What speaks for a time to be that of the fields, the weightiest first."""
    is_standard, is_own = text_of(time, "standard_name").lower() == "time", time.name in time.dims
    is_start = START.search(text_of(time, "long_name")) is not None
    return not is_start, time.name == "valid_time", is_standard, time.ndim == 1, is_by_axis, is_own, _is_dated(time)
