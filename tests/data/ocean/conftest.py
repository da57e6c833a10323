"""Files of a made-up current, whose right value at every place and time is a formula."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

LATITUDE, LONGITUDE, DAYS = np.arange(-40, -34, 0.5), np.arange(10, 17, 0.5), np.arange(6.0)
SINCE = "days since 2002-01-01"


def current(days, latitude, longitude):
    """Velocities (t, 2, h, w), m/s, as the places are given; the globe's circle has no seam in them."""
    day, north = np.asarray(days, float)[:, None, None], np.asarray(latitude, float)[:, None]
    east = np.radians(np.asarray(longitude, float))
    fields = [np.sin(east) + north / 100 + day / 50, np.cos(east) - north / 100 + day / 100]
    return np.stack([np.broadcast_to(field, (len(day), len(north), len(east))) for field in fields], 1)


class Sea:
    """Makes data sets, files of them, and says what a region must hold."""

    def __init__(self, folder):
        self.folder = folder

    def dataset(self, days=DAYS, latitude=LATITUDE, longitude=LONGITUDE, names=("uo", "vo"), units="m s-1", factor=1.0):
        """As Copernicus has it; ``factor`` is how many m/s one of the units is."""
        fields, axes = current(days, latitude, longitude) / factor, ("time", "latitude", "longitude")
        attributes = {} if units is None else {"units": units}
        return xr.Dataset(
            {name: (axes, fields[:, side].astype("f4"), dict(attributes)) for side, name in enumerate(names)},
            {
                "time": ("time", np.asarray(days, float), {"units": SINCE}),
                "latitude": ("latitude", np.asarray(latitude), {"units": "degrees_north"}),
                "longitude": ("longitude", np.asarray(longitude), {"units": "degrees_east"}),
            },
        )

    def save(self, dataset, name="atlantic.nc", engine="scipy", **options) -> Path:
        self.folder.mkdir(exist_ok=True, parents=True)
        dataset.to_netcdf(self.folder / name, engine=engine, **options)
        return self.folder / name

    @property
    def paths(self):
        return sorted(path for path in self.folder.rglob("*") if path.is_file())

    @staticmethod
    def holds(region, days=DAYS, latitude=LATITUDE, longitude=LONGITUDE, tolerance=1e-5):
        """Whether the region has the current at those places, from north to south and from west to east."""
        right = current(days, np.sort(latitude)[::-1], longitude)
        return region.fields.shape == right.shape and np.abs(region.fields - right).max() < tolerance


@pytest.fixture
def sea(tmp_path):
    return Sea(tmp_path / "files")
