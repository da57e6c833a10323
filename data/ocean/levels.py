"""One level of many, the nearest to the surface or to a depth, and one value of every other dimension."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from data.errors import DataError
from data.ocean.axes import is_level
from data.ocean.opening import text_of

METRES = {"m": 1.0, "meter": 1.0, "metre": 1.0, "cm": 0.01, "km": 1000.0, "": 1.0}
PRESSURE = ("dbar", "decibar", "decibars", "bar", "pa", "hpa", "mbar")
NEAR = 1.0
"""A depth may be asked for this far above the first level or below the last, metres, or half the step there."""
SIGMA = re.compile(r"s_|sigma|sig(lay|lev)|sc_r|s$")
"""Names of levels that are shares of the water's depth where no unit says otherwise."""
COUNTS = re.compile(r"lev|olev|model|[kz]$")
"""Names of levels whose whole numbers only count them where no unit says otherwise."""
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
    temperature: str | None = None
    """The temperature by name, "" for the one that is found by standard name or common names; None reads none."""

    def __post_init__(self) -> None:
        if self.depth is not None and not (0 <= self.depth < np.inf):
            raise DataError(f"--depth must be 0 or more metres below the surface, got {self.depth:g}")

    def facts(self) -> dict[str, Any]:
        """As JSON has it; without a temperature where none is read, as before there were any."""
        facts = {name: value for name, value in asdict(self).items() if (name, value) != ("temperature", None)}
        return dict(json.loads(json.dumps(facts)))

    @property
    def is_default(self) -> bool:
        """Whether nothing is chosen but whether a temperature is read."""
        return replace(self, temperature=self.temperature or None) == NEAREST

    @property
    def components(self) -> str:
        """The letters of what is read, in their order."""
        return "uv" if self.temperature is None else "uvt"


NEAREST = Choice()
WARM = Choice(temperature="")


@dataclass(frozen=True)
class Level:
    """The level that is read: ``depth`` in metres below the surface, None where the file has other units."""

    name: str
    value: float
    depth: float | None
    of: int
    """So many levels."""

    def __str__(self) -> str:
        where = f"{self.name} {self.value:g}" if self.depth is None else f"{self.depth:g} m deep"
        return where if self.of == 1 else f"{where}, one of {self.of} levels"


def same_level(level: Level | None, other: Level | None) -> bool:
    """Whether two fields are of one level, up to rounding, or both of none."""
    if level is None or other is None or (level.depth is None) != (other.depth is None):
        return level is other
    first, second = (level.value if level.depth is None else level.depth for level in (level, other))
    return bool(np.isclose(first, second, rtol=1e-3, atol=1e-3))


def one_of_each(
    path: Path, velocity: xr.DataArray, others: Sequence[str], choice: Choice
) -> tuple[dict[str, int], Level | None, dict[str, str]]:
    """The place along each of the dimensions, the level, and the values chosen along the others.

    Raises DataError where a dimension has several values and none is chosen, and for a choice that is not there.
    """
    along = {name: _along(velocity, name, choice) for name in others}
    places = {name: _place(path, name, along[name], velocity.sizes[name], choice) for name in others}
    levels = {name: coordinate for name, coordinate in along.items() if coordinate is not None and is_level(coordinate)}
    scalars = {str(name): coordinate for name, coordinate in velocity.coords.items() if coordinate.ndim == 0}
    alone = next(filter(is_level, scalars.values()), None)  # of a field that has but one level
    level = None if alone is None or alone.dtype.kind not in "fiu" else _level(alone, 0)
    for name, coordinate in levels.items():
        level = _level(coordinate, places[name])
    _require_used(path, velocity, along, choice, level)
    written = [name for name in others if name in MEMBERS or _wanted(choice, name, along[name]) is not None]
    selected = {name: _texts(along[name], velocity.sizes[name])[places[name]] for name in written if name not in levels}
    members = {name: _texts(coordinate)[0] for name, coordinate in scalars.items() if name in MEMBERS}
    return places, level, selected | members


def _along(velocity: xr.DataArray, name: str, choice: Choice) -> xr.DataArray | None:
    """The values along a dimension; where they but count levels, the depths in metres along it, unless asked for.

    They may have another name, levels first; None where there are none.
    """
    named = [coordinate for coordinate in velocity.coords.values() if coordinate.dims == (name,)]
    own = min(named, key=lambda coordinate: (coordinate.name != name, not is_level(coordinate)), default=None)
    if own is None or name in choice.select or (is_level(own) and _is_in_metres(own)):
        return own
    levels = [coordinate for coordinate in named if is_level(coordinate) and coordinate.dtype.kind in "fiu"]
    return next(filter(_is_in_metres, levels), own)


def _is_in_metres(levels: xr.DataArray) -> bool:
    return text_of(levels, "units") != "" and _scale(levels)[1] is not None


def _tells_the_surface(levels: xr.DataArray) -> bool:
    """Whether values tell which level is near the surface, as one alone does."""
    return levels.dtype.kind in "fiu" and (levels.size == 1 or _scale(levels)[0])


def _scale(levels: xr.DataArray) -> tuple[bool, float | None]:
    """Whether values say how deep levels are, and metres in their unit, None where it is another.

    Without a unit they are shares of the water's depth by their name, from -1 to 0, or metres, unless they count levels
    from above or from below.
    """
    units, name, values = text_of(levels, "units").lower(), str(levels.name).lower(), levels.to_numpy()
    if re.match(r"ocean_(s|sigma|double_sigma)_", text_of(levels, "standard_name").lower()):
        return True, None
    if not units and SIGMA.match(name):
        return values.dtype.kind == "f" and bool(((values >= -1) & (values <= 0)).all()), None
    if not units and COUNTS.match(name) and np.array_equal(values, np.round(values)):
        return False, None
    metres = METRES.get(units.removesuffix("s") or units)
    return metres is not None or units in PRESSURE, metres


def _depths(levels: xr.DataArray) -> NDArray[np.float64]:
    """How far below the surface, in the coordinate's units: heights are negative depths, and depths may be too."""
    values = np.atleast_1d(levels.to_numpy()).astype(np.float64)
    positive, names = text_of(levels, "positive").lower(), f"{text_of(levels, 'standard_name')} {levels.name}".lower()
    is_height = positive != "down" and re.search(r"height|altitude|elevation", names) is not None
    depths = -values if positive == "up" or is_height or (values <= 0).all() else values
    return np.abs(depths) if (depths <= 0).all() else depths  # a sign that its attribute contradicts


def _level(levels: xr.DataArray, place: int) -> Level:
    _, metres = _scale(levels)
    depth = None if metres is None else float(_depths(levels)[place] * metres) + 0.0
    return Level(str(levels.name), float(np.atleast_1d(levels.to_numpy())[place]), depth, levels.size)


def _nearest(path: Path, levels: xr.DataArray, depth: float | None) -> int:
    """The place of the level that is nearest to the surface, or to a depth, which must be among the levels."""
    depths, (_, metres) = _depths(levels), _scale(levels)
    if not np.isfinite(depths).all():
        raise DataError(f"{path}: {levels.name} has levels without a value")
    if depth is None:
        return int(np.argmin(np.abs(depths)))
    if metres is None:
        unit = text_of(levels, "units") or "no unit"
        raise DataError(f"{path}: {levels.name} is in {unit}, not in metres: give --select {levels.name}=VALUE")
    ordered = np.sort(depths * metres)
    ends = np.diff(ordered)[[0, -1]] / 2 if len(ordered) > 1 else (0, 0)
    if not ordered[0] - max(NEAR, ends[0]) <= depth <= ordered[-1] + max(NEAR, ends[1]):
        between = f"at {ordered[0]:g}" if len(ordered) == 1 else f"between {ordered[0]:g} and {ordered[-1]:g}"
        raise DataError(f"--depth must be {between} m, where {path} has levels, got {depth:g}")
    return int(np.argmin(np.abs(depths * metres - depth)))


def _wanted(choice: Choice, name: str, coordinate: xr.DataArray | None) -> str | None:
    """The value that is chosen along a dimension, by its name or by that of its values."""
    return choice.select.get(name) or choice.select.get(str(getattr(coordinate, "name", name)))


def _place(path: Path, name: str, coordinate: xr.DataArray | None, size: int, choice: Choice) -> int:
    """The place along a dimension: that of the level that is read, of the value that is chosen, or the only one."""
    wanted, has_levels = _wanted(choice, name, coordinate), coordinate is not None and is_level(coordinate)
    if coordinate is not None and has_levels and wanted is None and _tells_the_surface(coordinate):
        return _nearest(path, coordinate, choice.depth)
    texts = _texts(coordinate, size)
    shown = ", ".join(texts[:MOST_SHOWN]) + (f", ... {texts[-1]}" if size > MOST_SHOWN else "")
    if wanted is None and size != 1:
        raise DataError(
            f"{path}: {name} has {size} values ({shown}), of which one must be chosen: "
            f"python data/ocean/prepare.py --select {name}={texts[0]}"
        )
    places = [place for place, text in enumerate(texts) if wanted is None or _same(text, wanted)]
    if len(places) != 1:
        raise DataError(f"--select {name}={wanted}: {path} has {shown}")
    if has_levels and choice.depth is not None:
        raise DataError(f"--depth and --select {name} both choose a level: give one of them")
    return places[0]


def _same(text: str, wanted: str) -> bool:
    try:
        return bool(np.isclose(float(text), float(wanted), rtol=1e-5, atol=1e-9))
    except ValueError:
        return text == wanted


def _texts(coordinate: xr.DataArray | None, size: int = 1) -> list[str]:
    """The values along a dimension as they are chosen; numbers from 0 where it has none."""
    values = range(size) if coordinate is None else np.atleast_1d(coordinate.to_numpy()).tolist()
    texts = [value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in values]
    return [f"{text:.7g}" if isinstance(text, float) else str(text) for text in texts]


def _require_used(
    path: Path, velocity: xr.DataArray, along: Mapping[str, xr.DataArray | None], choice: Choice, level: Level | None
) -> None:
    """Raise DataError for a choice that the file does not have."""
    names = {*along, *(str(coordinate.name) for coordinate in along.values() if coordinate is not None)}
    for name, wanted in choice.select.items():
        alone = velocity.coords.get(name)
        if name not in names and (alone is None or alone.size != 1 or not _same(_texts(alone)[0], wanted)):
            have = ", ".join(sorted(names)) or "none but time and place"
            raise DataError(f"--select {name}={wanted}: {path} has no such dimension, it has {have}")
    if choice.depth is None:
        return
    if level is None:
        raise DataError(f"--depth {choice.depth:g}: {path} has no levels; leave it out")
    if level.of == 1 and (level.depth is None or abs(level.depth - choice.depth) > NEAR):
        raise DataError(f"--depth {choice.depth:g}: {path} has one level alone, {level}")
