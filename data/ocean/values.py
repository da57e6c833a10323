"""Which values of a variable are velocities: those within its attributes, and none faster than any current."""

import re
from collections.abc import Hashable, MutableMapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from data.errors import DataError
from data.fields.schema import Frames

FASTEST, LARGEST = 999.0, 9999.0
"""What is at least so many m/s, or so many of the file's units, is a fill value: land."""
UTMOST, FAST = 25.0, 5.0
"""No current is faster, m/s; none above the second reads as a fill value does, such as 999 cm/s."""
NUMBERS = ("_FillValue", "missing_value", "scale_factor", "add_offset", "valid_min", "valid_max", "valid_range")
"""Attributes that are numbers, though files have them as texts too."""
PACKING = ("scale_factor", "add_offset")
REPEATED = re.compile(r"([789])\1+(\.\1*)?")


def with_numbers(path: Path, name: Hashable, variable: xr.Variable) -> None:
    """Turn the attributes that must be numbers from texts to numbers; raises DataError for a scale that is none."""
    if variable.dtype.kind not in "fiu":
        return
    for key in NUMBERS:
        given = variable.attrs.get(key)
        if not isinstance(given, str):
            continue
        try:
            numbers = [_number(one, variable.dtype) for one in re.split(r"[,;\s]+", given.strip(" ,;[]()"))]
            variable.attrs[key] = numbers[0] if len(numbers) == 1 else np.array(numbers)
        except (ValueError, OverflowError) as error:
            if key in PACKING:
                raise DataError(f"{path}: {key} of {name} must be a number, got {given!r}") from error
            del variable.attrs[key]  # a text such as "none"


def _number(text: str, dtype: np.dtype[Any]) -> Any:
    """The number in the variable's own type, which its packed values have, else as it stands."""
    number = float(text.rstrip("fFdDlLsSbB") if re.search(r"[\d.][fFdDlLsSbB]$", text) else text)
    own = np.array(number).astype(dtype)[()] if dtype.kind == "f" or number.is_integer() else number
    return own if np.isclose(float(own), number, equal_nan=True) else number


def limits_of(attributes: MutableMapping[Any, Any], packed: np.dtype[Any] | None, packing: Any) -> tuple[float, float]:
    """The least and the most that valid_min, valid_max or valid_range allow, in the variable's units.

    They are of packed values, unless those are integers and the limits are not.
    """
    both = np.atleast_1d(attributes.get("valid_range", ()))
    ends = [attributes.get("valid_min"), attributes.get("valid_max")] if len(both) != 2 else list(both)
    scale, offset = float(packing.get("scale_factor", 1)), float(packing.get("add_offset", 0))
    found = []
    for end, infinite in zip(ends, (-np.inf, np.inf), strict=True):
        value = np.asarray(infinite if end is None else end)
        if value.size != 1 or value.dtype.kind not in "fiu" or np.isnan(value).any():
            value = np.asarray(infinite)
        is_packed = np.isfinite(value).all() and (packed is None or packed.kind == "f" or value.dtype.kind in "iu")
        found.append(float(value.item()) * scale + offset if is_packed else float(value.item()))
    if scale < 0:
        found = [-np.inf if np.isinf(found[1]) else found[1], np.inf if np.isinf(found[0]) else found[0]]
    return found[0] - 1e-6 * abs(scale), found[1] + 1e-6 * abs(scale)


def in_metres_per_second(values: NDArray[Any], factor: float, limits: tuple[float, float], into: Frames) -> int:
    """Write m/s into an array, NaN for what is missing; how many values lie outside the limits."""
    with np.errstate(invalid="ignore", over="ignore"):
        into[...] = values if factor == 1 else values * factor
        is_value = (np.abs(values) < LARGEST) & (np.abs(into) < FASTEST)
        outside = (values < limits[0] - 1e-6 * abs(limits[0])) | (values > limits[1] + 1e-6 * abs(limits[1]))
    into[~is_value | outside] = np.nan
    return int((outside & is_value).sum())


def require_currents(path: Path, name: Hashable, units: str, factor: float, speeds: Frames) -> None:
    """Raise DataError, which names the value, where one is faster than any current or reads as a fill value."""
    for values in speeds:
        fast = np.unique(values[np.abs(values) > FAST])
        for speed in sorted(fast.tolist(), key=abs, reverse=True):
            raw = f"{abs(speed) / factor:.5g}"
            if abs(speed) <= UTMOST and REPEATED.fullmatch(raw) is None:
                continue
            raise DataError(
                f"{path}: {name} has the value {'-' * (speed < 0)}{raw} in {units or 'm s-1 (no units given)'}, "
                f"{speed:.4g} m/s: a fill value that no attribute names, or other units? Name it in _FillValue, or "
                "correct the units"
            )
