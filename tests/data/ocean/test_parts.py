"""What one file has of a region, component by component, and what no part can be made of."""

import numpy as np
import pytest
import xarray as xr

from data.errors import DataError
from data.ocean.levels import Choice
from data.ocean.parts import read_parts


def staggered(sea):
    found = sea.dataset()
    v = found["vo"].rename(latitude="lat_v").assign_coords(lat_v=("lat_v", found["latitude"].to_numpy() + 0.25))
    v["lat_v"].attrs["units"] = "degrees_north"
    return xr.Dataset({"uo": found["uo"], "vo": v})


def along_its_grid(sea):
    found = sea.dataset(names=("vxo", "vyo")).drop_vars(["latitude", "longitude"])
    found = found.rename_dims(latitude="y", longitude="x")
    y, x = np.mgrid[: found.sizes["y"], : found.sizes["x"]]
    return found.assign_coords(lat=(("y", "x"), -40 + 0.5 * y), lon=(("y", "x"), 10 + 0.5 * x))


def later(sea):
    found = sea.dataset()
    v = found["vo"].rename(time="time_v").assign_coords(time_v=("time_v", np.arange(6.0) + 1, found["time"].attrs))
    return xr.Dataset({"uo": found["uo"], "vo": v})


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (staggered, "u and v are on different grids: interpolate both to one"),
        (along_its_grid, "vxo is along the axes of the file's own grid, which need not be east and north"),
        (later, "u and v have different times or levels"),
        (lambda sea: sea.dataset(days=[]), "has no field: its times are none"),
    ],
)
def test_components_that_do_not_go_together_are_refused(sea, made, message):
    path = sea.save(made(sea))
    with pytest.raises(DataError, match=f"atlantic.nc:? {message}"):
        read_parts(path, Choice())


def test_each_component_is_a_part_with_its_own_variable_units_and_land(sea):
    found = sea.dataset()
    found["uo"] = (found["uo"] * 100).assign_attrs(units="cm/s")
    found["vo"].values[:, 0, 0] = np.nan
    u, v = read_parts(sea.save(found), Choice())
    assert (u.component, u.name, u.units, v.component, v.name, v.units) == ("u", "uo", "cm/s", "v", "vo", "m s-1")
    assert u.values.shape == (6, 12, 14) and u.values.dtype == np.float32
    assert u.values[2, 0, 3] == pytest.approx(float(found["uo"][2, -1, 3]) / 100, rel=1e-5)  # the north is on top
    assert not np.isnan(u.values).any() and np.isnan(v.values[:, -1, 0]).all() and np.isnan(v.values).sum() == 6
    (alone,) = read_parts(sea.save(sea.dataset(days=[0])[["vo"]].squeeze("time")), Choice())
    assert alone.component == "v" and alone.values.shape == (1, 12, 14) and alone.level is None
