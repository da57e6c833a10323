"""One level of many, the nearest to the surface or to a depth, and one value of every other dimension."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from data.errors import DataError
from data.ocean.axes import coordinate_of, is_level
from data.ocean.opening import text_of

METRES = {"m": 1.0, "meter": 1.0, "metre": 1.0, "cm": 0.01, "km": 1000.0, "": 1.0}
PRESSURE = ("dbar", "decibar", "decibars", "bar", "pa", "hpa", "mbar")
NEAR = 1.0
"""A depth may be asked for this far above the first level or below the last, metres, or half the step there."""
SIGMA = re.compile(r"s_|sigma|sig(lay|lev)|sc_r|s$")
"""Names of levels that are shares of the water's depth where no unit says otherwise."""
MEMBERS = ("member", "number", "realization", "ensemble", "ens", "expver")
"""Dimensions whose value is written down though it is the only one: files of two must not follow each other."""
MOST_SHOWN = 8


@dataclass(frozen=True)
class Choice:
    """What is read from files that hold more; by default the level nearest the surface."""

    depth: float | None = None
    """Metres below the surface, of which the nearest level is taken."""
    select: Mapping[str, str] = field(default_factory=dict)
    """A value of each dimension that is neither place, level nor time."""
    variables: tuple[str, str] | None = None
    """u and v by name."""

    def __post_init__(self) -> None:
        if self.depth is not None and not (0 <= self.depth < np.inf):
            raise DataError(f"--depth must be 0 or more metres below the surface, got {self.depth:g}")

    def facts(self) -> dict[str, Any]:
        """As JSON has it."""
        facts = asdict(self) | {"select": dict(self.select)}
        return facts | {"variables": None if self.variables is None else list(self.variables)}


@dataclass(frozen=True)
class Level:
    """The level that is read: ``depth`` in metres below the surface, None where the file has other units."""

    name: str
    value: float
    depth: float | None
    of: int
    """So many levels."""

    def is_at(self, other: "Level") -> bool:
        """Whether both are the same level, up to rounding."""
        mine, others = (one.value if one.depth is None else one.depth for one in (self, other))
        return (self.depth is None) == (other.depth is None) and bool(np.isclose(mine, others, rtol=1e-3, atol=1e-3))

    def __str__(self) -> str:
        where = f"{self.name} {self.value:g}" if self.depth is None else f"{self.depth:g} m deep"
        return where if self.of == 1 else f"{where}, one of {self.of} levels"


def same_level(one: Level | None, other: Level | None) -> bool:
    """Whether two fields are of one level, or both of none."""
    return one is other if one is None or other is None else one.is_at(other)


def one_of_each(
    path: Path, velocity: xr.DataArray, others: tuple[str, ...], choice: Choice
) -> tuple[dict[str, int], Level | None, dict[str, str]]:
    """The place along each of the dimensions, the level, and the values chosen along the others.

    Raises DataError where a dimension has several values and none is chosen, and for a choice that is not there.
    """
    places: dict[str, int] = {}
    level: Level | None = None
    values: dict[str, str] = {}
    for name in others:
        coordinate, size = _along(velocity, name, choice), velocity.sizes[name]
        asked = choice.select.get(name) or choice.select.get(str(getattr(coordinate, "name", name)))
        is_deep = coordinate is not None and is_level(str(coordinate.name), coordinate)
        if asked is None and coordinate is not None and is_deep and _is_known(coordinate, size):
            places[name], level = _nearest(path, coordinate, choice.depth)
            continue
        places[name] = _asked(path, name, coordinate, size, asked)
        if coordinate is not None and is_deep:
            if choice.depth is not None:
                raise DataError(f"--depth and --select {name} both choose a level: give one of them")
            level = _level(coordinate, places[name])
        elif asked is not None or name in MEMBERS:
            values[name] = str(places[name]) if coordinate is None else _texts(coordinate)[places[name]]
    level = level or _alone(velocity)
    values |= {str(n): _texts(c)[0] for n, c in velocity.coords.items() if n in MEMBERS and c.ndim == 0}
    _require_used(path, velocity, others, choice, level)
    return places, level, values


def _along(velocity: xr.DataArray, name: str, choice: Choice) -> xr.DataArray | None:
    """The values along a dimension; where they but count levels, the depths in metres along it, unless asked for."""
    own = coordinate_of(velocity, name)
    if own is None or name in choice.select or not own.dims or (is_level(str(own.name), own) and _is_in_metres(own)):
        return own
    depths = [
        one for title, one in velocity.coords.items()
        if one.dims == (name,) and is_level(str(title), one) and one.dtype.kind in "fiu" and _is_in_metres(one)
    ]  # fmt: skip
    return depths[0] if depths else own


def _is_in_metres(coordinate: xr.DataArray) -> bool:
    return bool(text_of(coordinate, "units")) and _metres(coordinate) is not None


def _is_known(coordinate: xr.DataArray, size: int) -> bool:
    """Whether values tell which level is near the surface: model levels are counted from above or from below."""
    is_scaled = _metres(coordinate) is not None or text_of(coordinate, "units").lower() in PRESSURE
    return coordinate.dtype.kind in "fiu" and (size == 1 or is_scaled or _is_sigma(coordinate))


def _is_sigma(coordinate: xr.DataArray) -> bool:
    """Whether values are shares of the water's depth, by standard name, else by name and values from -1 to 0."""
    if re.match(r"ocean_(s|sigma|double_sigma)_", text_of(coordinate, "standard_name").lower()):
        return True
    values = coordinate.to_numpy()
    return _is_sigma_by_name(coordinate) and values.dtype.kind == "f" and bool(((values >= -1) & (values <= 0)).all())


def _is_sigma_by_name(coordinate: xr.DataArray) -> bool:
    return not text_of(coordinate, "units") and SIGMA.match(str(coordinate.name).lower()) is not None


def _metres(coordinate: xr.DataArray) -> float | None:
    """Metres in its unit, None where it has another; without a unit it is metres, unless it counts levels."""
    units = text_of(coordinate, "units").lower()
    if _is_sigma(coordinate) or _is_sigma_by_name(coordinate):
        return None
    if not units and re.match(r"lev|olev|model|[kz]$", str(coordinate.name).lower()):
        return None if np.array_equal(coordinate.to_numpy(), np.round(coordinate.to_numpy())) else 1.0
    return METRES.get(units.removesuffix("s") or units)


def _depths(coordinate: xr.DataArray) -> NDArray[np.float64]:
    """How far below the surface, in the coordinate's units: heights are negative depths, and depths may be too."""
    values = np.atleast_1d(coordinate.to_numpy()).astype(np.float64)
    positive = text_of(coordinate, "positive").lower()
    heights = re.search(
        r"height|altitude|elevation", f"{text_of(coordinate, 'standard_name')} {coordinate.name}".lower()
    )
    is_up = positive == "up" or (positive != "down" and heights is not None) or (values <= 0).all()
    both = -values if is_up else values
    return np.abs(both) if (both <= 0).all() else both  # a sign that its attribute contradicts


def _level(coordinate: xr.DataArray, place: int) -> Level:
    value, metres = float(np.atleast_1d(coordinate.to_numpy())[place]), _metres(coordinate)
    depth = None if metres is None else float(_depths(coordinate)[place] * metres) + 0.0
    return Level(str(coordinate.name), value, depth, coordinate.size)


def _nearest(path: Path, coordinate: xr.DataArray, depth: float | None) -> tuple[int, Level]:
    depths, metres = _depths(coordinate), _metres(coordinate)
    if not np.isfinite(depths).all():
        raise DataError(f"{path}: {coordinate.name} has levels without a value")
    if depth is None:
        place = int(np.argmin(np.abs(depths)))
        return place, _level(coordinate, place)
    if metres is None:
        unit = text_of(coordinate, "units") or "no unit"
        raise DataError(f"{path}: {coordinate.name} is in {unit}, not in metres: give --select {coordinate.name}=VALUE")
    found = np.sort(depths * metres)
    ends = np.diff(found)[[0, -1]] / 2 if len(found) > 1 else (0, 0)
    if not found[0] - max(NEAR, ends[0]) <= depth <= found[-1] + max(NEAR, ends[1]):
        between = f"at {found[0]:g}" if len(found) == 1 else f"between {found[0]:g} and {found[-1]:g}"
        raise DataError(f"--depth must be {between} m, where {path} has levels, got {depth:g}")
    place = int(np.argmin(np.abs(depths * metres - depth)))
    return place, _level(coordinate, place)


def _asked(path: Path, name: str, coordinate: xr.DataArray | None, size: int, asked: str | None) -> int:
    """The place of the value that is asked for along a dimension, or the only one."""
    known = [str(place) for place in range(size)] if coordinate is None else _texts(coordinate)
    if asked is None and size == 1:
        return 0
    shown = ", ".join(known[:MOST_SHOWN]) + (f", ... {known[-1]}" if size > MOST_SHOWN else "")
    if asked is None:
        raise DataError(
            f"{path}: {name} has {size} values ({shown}), of which one must be chosen: "
            f"python data/ocean/prepare.py --select {name}={known[0]}"
        )
    found = [place for place, text in enumerate(known) if _same(text, asked)]
    if len(found) != 1:
        raise DataError(f"--select {name}={asked}: {path} has {shown}")
    return found[0]


def _same(text: str, asked: str) -> bool:
    try:
        return bool(np.isclose(float(text), float(asked), rtol=1e-5, atol=1e-9))
    except ValueError:
        return text == asked


def _texts(coordinate: xr.DataArray) -> list[str]:
    values = np.atleast_1d(coordinate.to_numpy())
    return [
        one.decode("utf-8", "replace")
        if isinstance(one, bytes)
        else f"{one:.7g}"
        if values.dtype.kind == "f"
        else str(one)
        for one in values.tolist()
    ]


def _alone(velocity: xr.DataArray) -> Level | None:
    """The level of a field that has but one, which is no dimension of it."""
    found = [one for name, one in velocity.coords.items() if one.ndim == 0 and is_level(str(name), one)]
    return _level(found[0], 0) if found and found[0].dtype.kind in "fiu" else None


def _require_used(
    path: Path, velocity: xr.DataArray, others: tuple[str, ...], choice: Choice, level: Level | None
) -> None:
    """Raise DataError for a choice that the file does not have."""
    known = {*others, *(str(c.name) for name in others if (c := _along(velocity, name, choice)) is not None)}
    for name, asked in choice.select.items():
        alone = velocity.coords.get(name)
        if name not in known and (alone is None or alone.size != 1 or not _same(_texts(alone)[0], asked)):
            have = ", ".join(sorted(known)) or "none but time and place"
            raise DataError(f"--select {name}={asked}: {path} has no such dimension, it has {have}")
    if choice.depth is None:
        return
    if level is None:
        raise DataError(f"--depth {choice.depth:g}: {path} has no levels; leave it out")
    if level.of == 1 and (level.depth is None or abs(level.depth - choice.depth) > NEAR):
        raise DataError(f"--depth {choice.depth:g}: {path} has one level alone, {level}")
