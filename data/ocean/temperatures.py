"""Temperatures of the water beside currents: which variable has them, and their values in degrees Celsius."""

from pathlib import Path

import numpy as np
import xarray as xr

from data.errors import DataError
from data.fields.schema import Frames
from data.ocean.opening import text_of

STANDARD_NAMES = (
    "sea_water_potential_temperature", "sea_water_conservative_temperature", "sea_water_temperature",
    "sea_surface_temperature", "sea_surface_foundation_temperature", "sea_surface_subskin_temperature",
    "sea_surface_skin_temperature",
)  # fmt: skip
NAMES = ("thetao", "votemper", "to", "tos", "sst", "analysed_sst", "water_temp", "temperature", "temp")
"""In the order of preference, standard names first."""
ZERO = 273.15
"""0 degrees Celsius, kelvin."""
UNITS = {
    "k": -ZERO, "kelvin": -ZERO, "degk": -ZERO, "degree_kelvin": -ZERO, "degrees_kelvin": -ZERO, "c": 0.0, "degc": 0.0,
    "deg_c": 0.0, "celsius": 0.0, "degree_celsius": 0.0, "degrees_celsius": 0.0, "degree_c": 0.0, "degrees_c": 0.0,
    "°c": 0.0,
}  # fmt: skip
"""What is added to a value for degrees Celsius."""
COLDEST, WARMEST = -5.0, 45.0
"""No water is colder or warmer, degrees Celsius."""


def temperature_in(path: Path, dataset: xr.Dataset, asked: str) -> str | None:
    """The variable that is asked for, or for "" the most preferred; None where the file has none.

    Raises DataError where several variables have the most preferred standard name.
    """
    if asked:
        return asked if asked in dataset.variables else None
    fields = [str(name) for name, one in dataset.variables.items() if one.ndim > 1 and one.dtype.kind in "fiu"]
    by_standard = [
        [name for name in fields if text_of(dataset.variables[name], "standard_name").lower() == standard]
        for standard in STANDARD_NAMES
    ]
    bare = [name for name in fields if not text_of(dataset.variables[name], "standard_name")]
    by_name = [[name for name in bare if name.lower() == common] for common in NAMES]
    found = next(filter(None, [*by_standard, *by_name]), [])
    if len(found) > 1:
        raise DataError(f"{path} has several temperatures, {', '.join(found)}: choose one with --temperature NAME")
    return found[0] if found else None


def offset_of(path: Path, field: xr.DataArray) -> float:
    """What is added for degrees Celsius; raises DataError for units of anything else, and without units."""
    units = text_of(field, "units")
    if (offset := UNITS.get(units.strip().lower().replace(" ", "_"))) is None:
        raise DataError(f"{path}: {field.name} is in {units or 'no units'!r}, which must be kelvin or degrees Celsius")
    return offset


def require_temperatures(path: Path, field: xr.DataArray, values: Frames) -> None:
    """Raise DataError, which names the value, where one is no temperature of water; NaN is land."""
    wrong = values[(values < COLDEST) | (values > WARMEST)]
    if wrong.size:
        raise DataError(
            f"{path}: {field.name} has the value {wrong[np.abs(wrong).argmax()]:.4g} degrees Celsius, which no water "
            "has: a fill value that no attribute names, or other units? Name it in _FillValue, or correct the units"
        )
