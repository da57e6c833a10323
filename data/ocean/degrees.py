"""Units and standard names of latitudes and longitudes: degrees north or east, else turned or refused."""

import re
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from data.errors import DataError
from data.ocean.opening import text_of

DEGREES = re.compile(r"(decimal[ _]?)?(degrees?|degr[^a-z_ ]{1,3}s?|degs?\.?|°|º)[ _]*")
SIDES = {
    "latitude": {"": 1, "n": 1, "north": 1, "northward": 1, "s": -1, "south": -1, "southward": -1},
    "longitude": {"": 1, "e": 1, "east": 1, "eastward": 1, "w": -1, "west": -1, "westward": -1},
}
"""What follows the degrees, and the sign that it gives them."""
OTHER = re.compile(r"grid_(latitude|longitude)|projection_.*")
"""Standard names of coordinates that are no latitudes or longitudes."""
ADVICE = "interpolate it to latitudes and longitudes, as with cdo remapbil"


def is_of(coordinate: xr.DataArray | xr.Variable, kind: str) -> bool:
    """Whether its attributes say that it is the latitude, or the longitude."""
    side = _side(text_of(coordinate, "units"))
    return text_of(coordinate, "standard_name").lower() == kind or bool(side and side in SIDES[kind])


def degrees_of(path: Path, coordinate: xr.DataArray, kind: str) -> NDArray[np.float64]:
    """The values in degrees north or east; raises DataError where they have other units or are of another grid."""
    standard, units = text_of(coordinate, "standard_name").lower(), text_of(coordinate, "units")
    if OTHER.fullmatch(standard):
        raise DataError(f"{path} is on a rotated or projected grid, its {coordinate.name} is {standard}: {ADVICE}")
    side = _side(units) if units else ""
    values = coordinate.to_numpy()
    towards = "north" if kind == "latitude" else "east"
    if values.dtype.kind not in "fiu" or side is None or side not in SIDES[kind]:
        raise DataError(
            f"{path}: the {kind}s {coordinate.name} must be in degrees, as degrees_{towards}, got "
            f"{units or values.dtype}: correct the units, or {ADVICE}"
        )
    if standard in SIDES and standard != kind:
        raise DataError(f"{path}: {coordinate.name} has the standard name {standard}, but is a {kind} by its name")
    if not np.isfinite(values).all():
        raise DataError(f"{path}: {coordinate.name} has places without a value")
    return values.astype(np.float64) * SIDES[kind][side]


def _side(units: str) -> str | None:
    """Where the degrees count towards, empty where that is not said; None for what is no degrees."""
    text = re.sub("(?<=[a-z])S$", " s", units.strip()).casefold()
    found = DEGREES.match(text)
    return None if found is None else text[found.end() :]
