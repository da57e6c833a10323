"""NetCDF files found in a folder, opened with attributes as CF has them, and the names of the regions in them."""

import contextlib
import gc
import os
import re
import sys
import traceback
import warnings
from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from data.errors import DataError
from data.files import instead_of_data

SUFFIXES = re.compile(r"\.(nc|nc4|nc3|cdf|netcdf)(\.(gz|bz2|xz|zip|z))?$|\.(grib2?|grb2?)$", re.IGNORECASE)
"""Names of files that hold currents, or that would after one step more; in capitals too."""
DATES = re.compile(r"([-_]\d{4}-\d{2}(-\d{2})?|-(\d{4}|\d{6}|\d{8}|\d{10}|\d{14}))+$")
"""Dates at the end of a name, as in south-pacific-2002-01-31."""
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


def named(path: Path) -> str:
    """What a file's region is called: the file's name without dates at its ends, "-" as "_"."""
    stem = _stem(path)
    name = re.sub(r"^globcurrent-.*", "globcurrent", stem.lstrip("0123456789-_").lower())
    return DATES.sub("", name).replace("-", "_") or stem


def common_name(paths: Sequence[Path]) -> str:
    """What the region of several files is called: the words that all names begin with, or end with, or the first's."""
    words = [re.split(r"[_.\s]+", named(path)) for path in paths]
    if all(parts == words[0] for parts in words):
        return named(paths[0])
    first = os.path.commonprefix(words)
    last = os.path.commonprefix([parts[::-1] for parts in words])[::-1]
    return "_".join(first or last) or named(paths[0])


def names_of(groups: Sequence[Sequence[Path]]) -> list[str]:
    """A name for the files of each region: longer ones, with dates or the folder, where two would be the same.

    Raises DataError, which names two files, where these are the same too.
    """
    names = [common_name(paths) for paths in groups]
    for longer in (_whole, _in_folder):
        names = [longer(paths[0]) if names.count(name) > 1 else name for paths, name in zip(groups, names, strict=True)]
    for place, name in enumerate(names):
        if (first := names.index(name)) < place:
            raise DataError(
                f"{groups[first][0]} and {groups[place][0]} are of two regions, which would both be called {name}: "
                "rename one of the files"
            )
    return names


def _stem(path: Path) -> str:
    return SUFFIXES.sub("", path.name) or path.stem


def _whole(path: Path) -> str:
    return _stem(path).lower().replace("-", "_")


def _in_folder(path: Path) -> str:
    return f"{path.parent.name.lower().replace('-', '_')}_{_whole(path)}".lstrip("_")
