"""Currents made here, for a machine without ocean data, and temperatures that they carry: ``prepare(out, size)``.

Gaussian eddies drift with a steady current and turn around it, in two regions, in Copernicus' file format: the files
go through the same reading, masking and cutting as real ones. A coast with a bay is land. The velocity is that of the
stream function psi = sum_i a_i exp(-|x - x_i(t)|^2 / 2 r_i^2), so it has no divergence: u = -dpsi/dy, v = dpsi/dx.
A temperature is carried along, T_t + w . grad T = (T_0 - T) / 20 days, towards warmth in the middle rows of a region.
Every draw comes from a named seed. Never to be taken for the ocean: the manifest says demo.
"""

from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from data.manifest import Manifest
from data.ocean.levels import NEAREST, WARM
from data.ocean.prepare import Quantities, folder_of, write
from data.preparing.folders import ready_or_made
from fernn.seeding import generator

DATASET = "made-currents"
NUM_DAYS, NUM_EDDIES = 90, 12
REGIONS = {"atlantic": (2, 3), "south_pacific": (1, 2)}
"""Rows and columns of tiles of each."""
PACE = 5.0
"""Pixels a day that 1 m/s is, so that eddies drift as the water between them does."""
STEPS, MEMORY = 4, 20.0
"""Steps of advection a day; days after which a temperature has forgotten where it was."""
VARIABLES = (("uo", "m s-1"), ("vo", "m s-1"), ("thetao", "degrees_C"))


def prepare(out: Path | str, size: int, quantities: Quantities = "currents") -> Manifest:
    """The manifest of the fields in :func:`data.ocean.prepare.folder_of`, which are made unless they are there."""
    folder, warm = folder_of(out, size, quantities), quantities != "currents"

    def make() -> Manifest:
        source = folder.parent / folder.name.replace("tiles", "netcdf")
        paths = [
            write_region(source, name, (rows * size, columns * size), warm) for name, (rows, columns) in REGIONS.items()
        ]
        return write(folder, paths, size, "made by data/ocean/demo.py", DATASET, WARM if warm else NEAREST)

    return ready_or_made(folder, DATASET, make)


def write_region(folder: Path, name: str, shape: tuple[int, int], warm: bool = False) -> Path:
    """A NetCDF file of one region's made currents, and temperatures if ``warm``, in Copernicus' names."""
    (height, width), fields = shape, currents(name, *shape)
    fields = np.concatenate([fields, temperatures(fields)[:, None]], axis=1) if warm else fields
    folder.mkdir(parents=True, exist_ok=True)
    fields[:, :, :3, : width // 4] = np.nan  # a coast in the north west
    northwards = fields[:, :, ::-1]  # Copernicus' rows go from south to north
    content = {
        variable: (("time", "latitude", "longitude"), northwards[:, side], {"units": units})
        for side, (variable, units) in enumerate(VARIABLES[: fields.shape[1]])
    }
    places = {
        "time": ("time", np.arange(NUM_DAYS) * 24.0, {"units": "hours since 2000-01-01"}),
        "latitude": ("latitude", np.arange(height) / 12, {"units": "degrees_north"}),
        "longitude": ("longitude", np.arange(width) / 12, {"units": "degrees_east"}),
    }
    path = folder / f"{name}.nc"
    xr.Dataset(content, places).to_netcdf(path, engine="h5netcdf")
    return path


def currents(name: str, height: int, width: int) -> NDArray[np.float32]:
    """Velocities (t, 2, h, w) in m/s, the first row in the north; space wraps, so that eddies never leave."""
    random = generator("made-currents", name)
    places = random.random((NUM_EDDIES, 2)) * (height, width)
    radii = random.uniform(2, 5, NUM_EDDIES)
    spins = random.choice([-1, 1], NUM_EDDIES) * random.uniform(0.3, 1, NUM_EDDIES)
    drift = random.uniform(-0.4, 0.4, 2) + random.uniform(-0.2, 0.2, (NUM_EDDIES, 2))
    y, x = np.arange(height)[:, None], np.arange(width)
    frames = np.zeros((NUM_DAYS, 2, height, width))
    for day in range(NUM_DAYS):
        for (y0, x0), radius, spin in zip(places + day * drift, radii, spins, strict=True):
            dy, dx = _wrapped(y - y0, height), _wrapped(x - x0, width)
            bell = 0.5 * spin / radius * np.exp(-(dx**2 + dy**2) / (2 * radius**2))
            frames[day] -= np.stack([bell * dy, bell * dx])  # rows go down, v up
    along = drift.mean(axis=0)
    return (frames + 0.2 * np.array([along[1], -along[0]])[:, None, None]).astype(np.float32)


def temperatures(velocities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Temperatures (t, h, w) in degrees Celsius that velocities (t, 2, h, w) carry along; space wraps."""
    num_days, _, height, width = velocities.shape
    rows, columns = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    rest = 15 - 4 * np.cos(2 * np.pi * (rows + 0.5) / height)
    warmth, days = rest, []
    for u, v in velocities * (PACE / STEPS):
        days.append(warmth)
        for _ in range(STEPS):  # what is at a place was where the water came from; rows go down, v up
            warmth = map_coordinates(warmth, (rows + v, columns - u), order=1, mode="grid-wrap")
            warmth += (rest - warmth) / (MEMORY * STEPS)
    return np.stack(days).astype(np.float32)


def _wrapped(distance: NDArray[np.float64], period: int) -> NDArray[np.float64]:
    return (distance + period / 2) % period - period / 2
