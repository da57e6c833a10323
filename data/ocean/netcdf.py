"""Surface currents read from NetCDF: Copernicus' names (uo, vo) and GlobCurrent's."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from data.errors import DataError
from data.fields.schema import Frames

EASTWARD = ("uo", "eastward_eulerian_current_velocity")
NORTHWARD = ("vo", "northward_eulerian_current_velocity")
LATITUDE, LONGITUDE, TIME = ("latitude", "lat"), ("longitude", "lon"), ("time",)
SMALLEST, LARGEST = -1000.0, 10000.0
"""Values beyond these are fill values: land."""
CLASSIC, HDF5 = b"CDF", b"\x89HDF"


@dataclass(frozen=True)
class Region:
    """Fields (t, 2, h, w) of a part of the ocean, m/s: (u, v) eastward and northward, the first row in the north.

    Land is 0 there, and True in ``land`` (h, w): whatever is no number at any time.
    """

    name: str
    fields: Frames
    land: NDArray[np.bool_]
    times: NDArray[np.float64]


def read_regions(files: Sequence[Path]) -> list[Region]:
    """The regions in the files, by name; files of one grid and one kind of name follow each other in time.

    Raises DataError for a file that holds no currents, and for times that are not evenly spaced.
    """
    groups: dict[tuple[str, bytes], list[tuple[Path, Any]]] = {}
    for path in files:
        with opened(path) as dataset:
            part = _part(path, dataset)
        groups.setdefault((_kind(path), part[2]), []).append((path, part))
    found = [_joined(members) for members in groups.values()]
    if len({region.name for region in found}) < len(found):
        names = ", ".join(region.name for region in found)
        raise DataError(f"regions must have names of their own, got {names}: rename the files")
    return sorted(found, key=lambda region: region.name)


def opened(path: Path) -> xr.Dataset:
    """The file, read by SciPy (classic NetCDF) or h5netcdf (NetCDF 4); raises DataError for any other."""
    with path.open("rb") as file:
        magic = file.read(4)
    engine = "scipy" if magic[:3] == CLASSIC else "h5netcdf" if magic == HDF5 else None
    if engine is None:
        raise DataError(f"{path} is no NetCDF file")
    try:
        return xr.open_dataset(path, engine=engine, decode_times=False)
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise DataError(f"{path} is damaged: {error}") from error


def _kind(path: Path) -> str:
    """What a region is called: the file's name without the date that it may begin with."""
    return path.stem.lstrip("0123456789-_").split("-")[0].lower() or path.stem


def _part(path: Path, dataset: xr.Dataset) -> tuple[NDArray[np.float64], Frames, bytes]:
    """Times (t,), fields (t, 2, h, w) with gaps, and the grid as bytes."""
    latitude, longitude, time = (_named(path, dataset, names) for names in (LATITUDE, LONGITUDE, TIME))
    dataset = dataset.sortby(latitude, ascending=False).sortby(longitude)
    planes = []
    for names in (EASTWARD, NORTHWARD):
        field = dataset[_named(path, dataset, names)]
        surface = {dimension: 0 for dimension in field.dims if dimension not in (time, latitude, longitude)}
        planes.append(field.isel(surface).transpose(time, latitude, longitude).to_numpy())
    grid = dataset[latitude].to_numpy().tobytes() + dataset[longitude].to_numpy().tobytes()
    times = np.asarray(dataset[time].to_numpy(), dtype=np.float64)
    return times, np.stack(planes, axis=1).astype(np.float32), grid


def _named(path: Path, dataset: xr.Dataset, names: Sequence[str]) -> str:
    for name in names:
        if name in dataset.variables:
            return name
    known = ", ".join(map(str, dataset.variables))
    raise DataError(f"{path} must have a variable {' or '.join(names)}, it has {known}")


def _joined(members: list[tuple[Path, Any]]) -> Region:
    """The parts of one region, in the order of their times."""
    times = np.concatenate([part[0] for _, part in members])
    order = np.argsort(times, kind="stable")
    fields = np.concatenate([part[1] for _, part in members])[order]
    name = _kind(members[0][0])
    _require_even(name, times[order])
    with np.errstate(invalid="ignore"):
        gaps = ~((fields >= SMALLEST) & (fields <= LARGEST))
    fields[gaps] = 0
    return Region(name, fields, gaps.any(axis=(0, 1)), times[order])


def _require_even(name: str, times: NDArray[np.float64]) -> None:
    steps = np.diff(times)
    if len(steps) and (steps.min() <= 0 or not np.allclose(steps, steps[0], rtol=1e-3)):
        place = int(np.argmax(np.abs(steps - np.median(steps)) > 1e-3 * abs(np.median(steps))))
        raise DataError(
            f"{name}: times must be evenly spaced, but {times[place]:g} is followed by {times[place + 1]:g}: "
            "remove doubled files, or add what is missing"
        )


def netcdf_files(folder: Path) -> Iterator[Path]:
    """The NetCDF files in a folder, by name."""
    return iter(sorted(path for path in folder.iterdir() if path.suffix in (".nc", ".nc4", ".cdf")))
