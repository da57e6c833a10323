"""NetCDF files found in a folder and opened, their attributes as CF has them; a file that is none is named."""

import contextlib
import gc
import re
import sys
import traceback
import warnings
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from data.errors import DataError
from data.files import instead_of_data

SUFFIXES = re.compile(r"\.(nc|nc4|nc3|cdf|netcdf)(\.(gz|bz2|xz|zip|z))?$|\.(grib2?|grb2?)$", re.IGNORECASE)
"""Names of files that hold currents, or that would after one step more; in capitals too."""
FOREIGN = {
    b"CDF\x05": "is NetCDF of the CDF-5 kind: convert it with nccopy -k nc4",
    b"GRIB": "is GRIB, not NetCDF: convert it with cdo -f nc4 copy or grib_to_netcdf",
    b"\x1f\x8b": "is compressed: gunzip it",
    b"BZh": "is compressed: bunzip2 it",
    b"\xfd7zXZ": "is compressed: unxz it",
    b"PK\x03\x04": "is a zip archive: unzip it",
    b"\x0e\x03\x13\x01": "is HDF4, not NetCDF: convert it with h4tonccf_nc4",
}
"""What is to be done with files that begin so."""
SPELLED = {
    "unit": "units", "standardname": "standard_name", "longname": "long_name", "_fillvalue": "_FillValue",
    "_unsigned": "_Unsigned",
}  # fmt: skip
NUMBERS = ("_FillValue", "missing_value", "scale_factor", "add_offset", "valid_min", "valid_max", "valid_range")
"""Attributes that are numbers, though files have them as texts too."""


def netcdf_files(source: Path) -> list[Path]:
    """The NetCDF files in a folder and the folders below it, by name, or the one that is given.

    Hidden files are left out. Raises DataError where there is none.
    """
    if source.is_file():
        return [source]
    paths = sorted(path for path in source.rglob("*") if SUFFIXES.search(path.name) and path.is_file())
    shown = [path for path in paths if not any(part.startswith(".") for part in path.relative_to(source).parts)]
    if not shown:
        reason = "" if source.exists() else ", it is not there"
        raise DataError(f"{source} has no NetCDF file (.nc): give the folder that has them{reason}")
    return shown


@contextlib.contextmanager
def opened(path: Path) -> Iterator[xr.Dataset]:
    """The file, read by SciPy (classic NetCDF) or h5netcdf (NetCDF 4), its times as they stand.

    Attributes are in CF's case. Raises DataError for any other file, and for damage that is found while it is open.
    """
    engine = _engine(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of fill values named twice, and of values that overflow: they are masked
        try:
            with xr.open_dataset(path, engine=engine, decode_cf=False) as dataset:
                for name, variable in dataset.variables.items():
                    variable.attrs = _attributes(path, name, variable)
                yield xr.decode_cf(dataset, decode_times=False, decode_timedelta=False)
        except DataError:
            raise
        except Exception as error:  # what the libraries raise depends on where the file is cut or changed
            _let_go(error)
            raise DataError(f"{path} is damaged: {' '.join(str(error).split()) or type(error).__name__}") from error


def _engine(path: Path) -> str:
    """The name that xarray has for what reads the file; raises DataError for one that is no NetCDF."""
    if reason := instead_of_data(path):
        raise DataError(f"{path} {reason}")
    with path.open("rb") as file:
        start = file.read(32)
    for foreign, reason in FOREIGN.items():
        if start.lstrip().startswith(foreign):
            raise DataError(f"{path} {reason}")
    if start.startswith(b"CDF"):
        return "scipy"
    if start.startswith(b"\x89HDF"):
        return "h5netcdf"
    raise DataError(f"{path} is no NetCDF file")


def _let_go(error: BaseException | None) -> None:
    """Close now what a library left open when it failed: later SciPy would warn, and h5netcdf print a traceback."""
    hook, sys.unraisablehook = sys.unraisablehook, lambda unraisable: None
    try:
        while error is not None:
            traceback.clear_frames(error.__traceback__)
            error = error.__context__
        gc.collect()
    finally:
        sys.unraisablehook = hook


def _attributes(path: Path, title: Hashable, variable: xr.Variable) -> dict[str, Any]:
    """Attributes such as Unit and Standard_Name under CF's names, as texts without spaces around, or as numbers."""
    attributes: dict[str, Any] = {}
    for key, value in sorted(variable.attrs.items(), key=lambda entry: not str(entry[0]).islower()):
        name = str(key).strip().lower()
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        attributes.setdefault(SPELLED.get(name, name), text.strip().strip("\0") if isinstance(text, str) else text)
    for key in NUMBERS if variable.dtype.kind in "fiu" else ():
        if not isinstance(text := attributes.get(key), str):
            continue
        try:
            numbers = [_number(word, variable.dtype) for word in re.split(r"[,;\s]+", text.strip(" ,;[]()"))]
            attributes[key] = numbers[0] if len(numbers) == 1 else np.array(numbers)
        except (ValueError, OverflowError) as error:
            if key in ("scale_factor", "add_offset"):
                raise DataError(f"{path}: {key} of {title} must be a number, got {text!r}") from error
            del attributes[key]  # a text such as "none"
    return attributes


def _number(text: str, dtype: np.dtype[Any]) -> Any:
    """The number in the variable's own type, which its packed values have, else as it stands."""
    number = float(text.rstrip("fFdDlLsSbB") if re.search(r"[\d.][fFdDlLsSbB]$", text) else text)
    own = np.array(number).astype(dtype)[()] if dtype.kind == "f" or number.is_integer() else number
    return own if np.isclose(float(own), number, equal_nan=True) else number


def text_of(variable: xr.DataArray | xr.Variable, name: str) -> str:
    """An attribute as text, empty where there is none."""
    return str(variable.attrs.get(name, ""))
