"""NetCDF files found in a folder and opened; damage, and what is no NetCDF, is named by its file."""

import contextlib
import gc
import re
import sys
import traceback
import warnings
import zlib
from collections.abc import Hashable, Iterator
from pathlib import Path

import xarray as xr

from data.errors import DataError
from data.files import instead_of_data
from data.ocean.values import with_numbers

SUFFIXES = re.compile(r"\.(nc|nc4|nc3|cdf|netcdf)(\.(gz|bz2|xz|zip|z))?$|\.(grib2?|grb2?)$", re.IGNORECASE)
"""Names of files that hold currents, or that would after one step more; in capitals too."""
CLASSIC, HDF5, CDF5 = b"CDF", b"\x89HDF", b"CDF\x05"
FOREIGN = {
    CDF5: "is NetCDF of the CDF-5 kind: convert it with nccopy -k nc4",
    b"GRIB": "is GRIB, not NetCDF: convert it with cdo -f nc4 copy or grib_to_netcdf",
    b"\x1f\x8b": "is compressed: gunzip it",
    b"BZh": "is compressed: bunzip2 it",
    b"\xfd7zXZ": "is compressed: unxz it",
    b"PK\x03\x04": "is a zip archive: unzip it",
    b"\x0e\x03\x13\x01": "is HDF4, not NetCDF: convert it with h4tonccf_nc4",
}
"""What is to be done with files that begin so."""
FAULTS = (
    OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, RuntimeError, EOFError, OverflowError,
    AssertionError, MemoryError, zlib.error,
)  # fmt: skip
"""What the libraries raise for files that are cut or changed."""
SPELLED = {
    "unit": "units", "standardname": "standard_name", "longname": "long_name", "_fillvalue": "_FillValue",
    "_unsigned": "_Unsigned",
}  # fmt: skip


def netcdf_files(source: Path) -> list[Path]:
    """The NetCDF files in a folder and the folders below it, by name, or the one that is given.

    Hidden files are left out. Raises DataError where there is none.
    """
    if source.is_file():
        return [source]
    if not source.exists():
        raise DataError(f"{source} has no NetCDF file (.nc): give the folder that has them, it is not there")
    inside = source.rglob("*") if source.is_dir() else ()
    found = sorted(
        path for path in inside if SUFFIXES.search(path.name) and path.is_file() and not _hidden(path, source)
    )
    if not found:
        raise DataError(f"{source} has no NetCDF file (.nc): give the folder that has them")
    return found


def _hidden(path: Path, source: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(source).parts)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[xr.Dataset]:
    """The file, read by SciPy (classic NetCDF) or h5netcdf (NetCDF 4), its times as they stand.

    Attributes are in CF's case. Raises DataError for any other file, and for damage that is found while it is open.
    """
    if reason := instead_of_data(path):
        raise DataError(f"{path} {reason}")
    with path.open("rb") as file:
        magic = file.read(32)
    for begin, reason in FOREIGN.items():
        if magic.lstrip().startswith(begin):
            raise DataError(f"{path} {reason}")
    engine = "scipy" if magic.startswith(CLASSIC) else "h5netcdf" if magic.startswith(HDF5) else None
    if engine is None:
        raise DataError(f"{path} is no NetCDF file")
    with warnings.catch_warnings(), _damage_named(path):
        warnings.simplefilter("ignore")  # of fill values named twice, and of values that overflow: they are masked
        with xr.open_dataset(path, engine=engine, decode_cf=False) as dataset:
            yield xr.decode_cf(_in_cf_case(path, dataset), decode_times=False, decode_timedelta=False)


@contextlib.contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    try:
        yield
    except DataError:
        raise
    except FAULTS as error:
        _let_go(error)
        raise DataError(f"{path} is damaged: {' '.join(str(error).split()) or type(error).__name__}") from error


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


def _in_cf_case(path: Path, dataset: xr.Dataset) -> xr.Dataset:
    """The data set with attributes such as Unit and Standard_Name under CF's names, as texts without spaces around."""
    for title, variable in dataset.variables.items():
        found: dict[Hashable, object] = {}
        for key, value in sorted(variable.attrs.items(), key=lambda entry: not str(entry[0]).islower()):
            name = str(key).strip().lower()
            found.setdefault(SPELLED.get(name, name), _plain(value))
        variable.attrs = found
        with_numbers(path, title, variable)
    return dataset


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return value.strip().strip("\0") if isinstance(value, str) else value


def text_of(variable: xr.DataArray | xr.Variable, name: str) -> str:
    """An attribute as text, empty where there is none."""
    value = variable.attrs.get(name, "")
    return value if isinstance(value, str) else str(value)
