"""Velocities in m/s: units as files spell them, and which values are velocities and which are land or an error."""

import re
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from data.errors import DataError
from data.fields.schema import Frames
from data.ocean.opening import text_of

LENGTHS = {
    "mm": 1e-3, "millimeter": 1e-3, "cm": 1e-2, "centimeter": 1e-2, "dm": 0.1, "decimeter": 0.1, "m": 1.0, "meter": 1.0,
    "mtr": 1.0, "km": 1e3, "kilometer": 1e3, "nmi": 1852.0, "nautical mile": 1852.0, "ft": 0.3048, "foot": 0.3048,
    "feet": 0.3048,
}  # fmt: skip
TIMES = {
    "s": 1.0, "sec": 1.0, "second": 1.0, "min": 60.0, "minute": 60.0, "h": 3600.0, "hr": 3600.0, "hour": 3600.0,
    "d": 86400.0, "day": 86400.0,
}  # fmt: skip
KNOT, KM_PER_HOUR = 1852 / 3600, 1 / 3.6
SPEEDS = {
    "knot": KNOT, "kt": KNOT, "kn": KNOT, "mps": 1.0, "kph": KM_PER_HOUR, "kmh": KM_PER_HOUR, "kmph": KM_PER_HOUR,
}  # fmt: skip
"""Units that are speeds by themselves."""
SPELLINGS = str.maketrans({"⁻": "-", "¹": "1", "−": "-", "–": "-", "·": " ", "⋅": " ", "_": " "})
PLURAL = re.compile(r"\b((?:centi|milli|deci|kilo)?meter|mile|second|sec|minute|min|hour|hr|day|knot|kt)s\b")
NUMBER = r"(?P<factor>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?)?[ *]*"
LENGTH = "(?P<length>" + "|".join(sorted(LENGTHS, key=len, reverse=True)) + ")"
TIME = "(?P<time>" + "|".join(sorted(TIMES, key=len, reverse=True)) + ")"
PATTERNS = [
    re.compile(f"{NUMBER}{LENGTH} *(?:/|per) *{TIME}(?: *(?:\\^|\\*\\*)? *1)?"),
    re.compile(f"{NUMBER}{LENGTH}[ .*]*{TIME} *(?:\\^|\\*\\*)? *[({{]? *- *1(?:\\.0*)? *[)}}]?"),
    re.compile(f"{NUMBER}(?P<speed>{'|'.join(sorted(SPEEDS, key=len, reverse=True))})"),
]
FASTEST, LARGEST = 999.0, 9999.0
"""What is at least so many m/s, or so many of the file's units, is a fill value: land."""
UTMOST, FAST = 25.0, 5.0
"""No current is faster, m/s; none above the second reads as a fill value does, such as 999 cm/s."""
REPEATED = re.compile(r"([789])\1+(\.\1*)?")


def metres_per_second(units: str) -> float | None:
    """How many m/s one of these units is, None for what is no unit of velocity; "m s-1", "cm/s" and "knots" are some.

    "ms-1" is a metre per second, as it is meant to be, not one per millisecond.
    """
    text = re.sub(r"\s+", " ", units.casefold().translate(SPELLINGS)).strip(" []()")
    text = PLURAL.sub(r"\1", text.replace("metre", "meter"))
    parts = next((match.groupdict() for pattern in PATTERNS if (match := pattern.fullmatch(text))), None)
    if parts is None:
        return None
    rate = SPEEDS[parts["speed"]] if "speed" in parts else LENGTHS[parts["length"]] / TIMES[parts["time"]]
    return float(parts["factor"] or 1) * rate or None


def factor_of(path: Path, field: xr.DataArray) -> float:
    """m/s in the field's units; without units they are m/s. Raises DataError for units of anything else."""
    units = text_of(field, "units")
    factor = metres_per_second(units) if units else 1.0
    if factor is None:
        raise DataError(f"{path}: {field.name} is in {units!r}, which is no velocity that becomes m/s")
    return factor


def speeds_of(
    path: Path, field: xr.DataArray, factor: float, rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> tuple[Frames, int]:
    """The field (t, h, w) in m/s with its rows and columns so ordered, NaN where it is missing; how much is not valid.

    Raises DataError where a value is faster than any current, or reads as a fill value.
    """
    speeds, outside = values_of(field, (factor, 0.0), rows, columns)
    _require_currents(path, field, factor, speeds)
    return speeds, outside


def values_of(
    field: xr.DataArray, unit: tuple[float, float], rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> tuple[Frames, int]:
    """As :func:`speeds_of`, times the first of ``unit`` and plus the second; fill values alone are missing."""
    (factor, offset), (least, most) = unit, _limits(field)
    raw, outside = field.to_numpy(), 0
    converted = np.empty((len(raw), len(rows), len(columns)), np.float32)
    for frame, value in zip(raw, converted, strict=True):
        values = frame[np.ix_(rows, columns)]
        with np.errstate(invalid="ignore", over="ignore"):
            value[...] = values if unit == (1, 0) else values * factor + offset
            is_value = (np.abs(values) < LARGEST) & (np.abs(value) < FASTEST)
            is_outside = (values < least) | (values > most)
        value[~is_value | is_outside] = np.nan
        outside += int((is_outside & is_value).sum())
    return converted, outside


def _limits(field: xr.DataArray) -> tuple[float, float]:
    """The least and the most that valid_min, valid_max or valid_range allow, in the field's units.

    They are of packed values, unless those are integers and the limits are not.
    """
    packed, attributes, packing = field.encoding.get("dtype"), field.attrs, field.encoding
    span = np.atleast_1d(attributes.get("valid_range", ()))
    ends = [attributes.get("valid_min"), attributes.get("valid_max")] if len(span) != 2 else list(span)
    scale, offset = float(packing.get("scale_factor", 1)), float(packing.get("add_offset", 0))
    limits = []
    for end, infinite in zip(ends, (-np.inf, np.inf), strict=True):
        value = np.asarray(infinite if end is None else end)
        if value.size != 1 or value.dtype.kind not in "fiu" or np.isnan(value).any():
            value = np.asarray(infinite)
        is_packed = np.isfinite(value).all() and (packed is None or packed.kind == "f" or value.dtype.kind in "iu")
        limits.append(float(value.item()) * scale + offset if is_packed else float(value.item()))
    if scale < 0:
        limits = [-np.inf if np.isinf(limits[1]) else limits[1], np.inf if np.isinf(limits[0]) else limits[0]]
    least, most = limits[0] - 1e-6 * abs(scale), limits[1] + 1e-6 * abs(scale)
    return least - 1e-6 * abs(least), most + 1e-6 * abs(most)


def _require_currents(path: Path, field: xr.DataArray, factor: float, speeds: Frames) -> None:
    """Raise DataError, which names the value, where one is faster than any current or reads as a fill value."""
    for values in speeds:
        fast = np.unique(values[np.abs(values) > FAST])
        for speed in sorted(fast.tolist(), key=abs, reverse=True):
            raw = f"{abs(speed) / factor:.5g}"
            if abs(speed) > UTMOST or REPEATED.fullmatch(raw):
                units = text_of(field, "units") or "m s-1 (no units given)"
                raise DataError(
                    f"{path}: {field.name} has the value {'-' * (speed < 0)}{raw} in {units}, {speed:.4g} m/s: a fill "
                    "value that no attribute names, or other units? Name it in _FillValue, or correct the units"
                )
