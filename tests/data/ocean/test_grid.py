"""Longitudes are a circle, grids equal up to rounding are one, and grids that are not rectilinear are refused."""

import numpy as np
import pytest

from data.errors import DataError
from data.ocean.regions import read_regions

ACROSS_GREENWICH, ACROSS_DATE_LINE = np.arange(-3, 4, 0.5), np.arange(176, 184, 0.5)


def from_0_to_360(longitude):
    return longitude % 360


def from_minus_180_to_180(longitude):
    return (longitude + 180) % 360 - 180


@pytest.mark.parametrize(
    "region", [ACROSS_GREENWICH, ACROSS_DATE_LINE, np.arange(10, 17, 0.5), np.arange(20, 350, 10.0)]
)
@pytest.mark.parametrize("convention", [from_0_to_360, from_minus_180_to_180])
@pytest.mark.parametrize("order", ["along", "sorted"])
def test_a_region_is_contiguous_from_west_to_east(sea, region, convention, order):
    longitude = convention(region)
    longitude = longitude if order == "along" else np.sort(longitude)
    sea.save(sea.dataset(longitude=longitude))
    (found,) = read_regions(sea.paths)
    assert sea.holds(found, longitude=region)
    west, east = found.facts["longitudes"]
    assert west % 360 == region[0] % 360 and east - west == pytest.approx(region[-1] - region[0])


@pytest.mark.parametrize("first", [0, -180, 74])
def test_the_whole_circle_stays_as_the_file_cuts_it(sea, first):
    longitude = np.arange(first, first + 360, 10.0)
    sea.save(sea.dataset(longitude=longitude))
    (found,) = read_regions(sea.paths)
    assert sea.holds(found, longitude=longitude) and found.facts["longitudes"] == [first, first + 350]


@pytest.mark.parametrize("longitude", [np.arange(0, 361, 10.0), np.arange(-180, 181, 10.0), np.arange(-10, 371, 10.0)])
def test_columns_that_stand_twice_are_read_once(sea, longitude):
    sea.save(sea.dataset(longitude=longitude))
    (found,) = read_regions(sea.paths)
    assert sea.holds(found, longitude=longitude[:36]) and found.facts["columns_left_out"] == len(longitude) - 36


@pytest.mark.parametrize("region", [ACROSS_GREENWICH, np.arange(0, 360, 10.0), np.arange(200, 230, 0.5)])
def test_files_of_both_conventions_are_one_region(sea, region):
    sea.save(sea.dataset(days=[0, 1], longitude=np.sort(from_0_to_360(region))), "a_2002.nc")
    sea.save(sea.dataset(days=[2, 3], longitude=np.sort(from_minus_180_to_180(region))), "a_2003.nc")
    (found,) = read_regions(sea.paths)
    assert sea.holds(found, days=range(4), longitude=region) and found.name == "a"


def test_grids_equal_up_to_rounding_are_one_region_and_others_are_not(sea):
    latitude, longitude = np.arange(-40, -39, 1 / 12), np.arange(10, 11, 1 / 12)
    sea.save(sea.dataset([0, 1], latitude, longitude), "one.nc")
    sea.save(sea.dataset([2, 3], latitude.astype("f4"), longitude.astype("f4")), "other.nc")
    (found,) = read_regions(sea.paths)
    assert sea.holds(found, range(4), latitude, longitude)
    sea.save(sea.dataset([2, 3], latitude + 0.25 / 12, longitude), "other.nc")
    assert [region.name for region in read_regions(sea.paths)] == ["one", "other"]


@pytest.mark.parametrize("is_turned", [False, True])
def test_rows_and_columns_are_put_in_order(sea, is_turned):
    found = sea.dataset()
    turned = found.isel(latitude=slice(None, None, -1), longitude=slice(None, None, -1))
    sea.save(found.transpose("longitude", "time", "latitude") if is_turned else turned)
    assert sea.holds(read_regions(sea.paths)[0])


NAMES = [("lat", "lon"), ("nav_lat", "nav_lon"), ("LAT", "LON"), ("Latitude", "Longitude"), ("lat_rho", "lon_rho")]


@pytest.mark.parametrize(("north", "east"), NAMES)
@pytest.mark.parametrize("ndim", [1, 2])
def test_dimensions_may_be_y_and_x_with_coordinates_along_one_or_two_of_them(sea, north, east, ndim):
    found = sea.dataset()
    latitude, longitude = found["latitude"].to_numpy(), found["longitude"].to_numpy()
    found = found.drop_vars(["latitude", "longitude"]).rename_dims(latitude="y", longitude="x")
    if ndim == 2:
        latitude, longitude = (field.astype("f4") for field in np.meshgrid(latitude, longitude, indexing="ij"))
    sides = (("y",), ("x",)) if ndim == 1 else (("y", "x"), ("y", "x"))
    found = found.assign({north: (sides[0], latitude), east: (sides[1], longitude)})  # variables, no coordinates
    sea.save(found.assign_coords(y=np.arange(found.sizes["y"]), x=np.arange(found.sizes["x"])))
    assert sea.holds(read_regions(sea.paths)[0])


def test_axes_are_known_by_their_units_alone(sea):
    found = sea.dataset().rename(latitude="rows", longitude="columns")
    sea.save(found)
    assert sea.holds(read_regions(sea.paths)[0])
    for name in ("rows", "columns"):
        found[name].attrs = {}
    sea.save(found)
    with pytest.raises(
        DataError, match=r"atlantic.nc must have the latitudes of uo, in degrees; it has columns, rows, time"
    ):
        read_regions(sea.paths)


def curvilinear(sea):
    """Rows that climb towards the east."""
    found = sea.dataset().drop_vars(["latitude", "longitude"]).rename_dims(latitude="y", longitude="x")
    y, x = np.mgrid[: found.sizes["y"], : found.sizes["x"]]
    return found.assign_coords(lat=(("y", "x"), -40 + 0.5 * y + 0.1 * x), lon=(("y", "x"), 10 + 0.5 * x - 0.1 * y))


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (curvilinear, "is on a curvilinear grid, its latitudes lat vary along y and x: interpolate it"),
        (lambda sea: sea.dataset(longitude=[10, 10.5, 11, 20, 20.5, 21]), "longitudes jump from 11 to 20"),
        (lambda sea: sea.dataset(latitude=[-40, -39, -38, -36, -35]), "latitudes jump from -36 to -38"),
        (lambda sea: sea.dataset(longitude=[10, 10.5, 10.5, 11]), "has the longitude 10.5 twice"),
        (lambda sea: sea.dataset(latitude=np.arange(80, 92, 1.0)), "latitudes must lie within 90 degrees, got 91"),
        (lambda sea: sea.dataset(longitude=[10, np.nan, 11]), "longitude has places without a value"),
    ],
)  # fmt: skip
def test_what_is_no_whole_grid_of_parallels_and_meridians_is_refused(sea, made, message):
    sea.save(made(sea))
    with pytest.raises(DataError, match=f"atlantic.nc:? .*{message}|atlantic.nc:? {message}"):
        read_regions(sea.paths)


def test_a_grid_that_stretches_is_whole(sea):
    latitude = np.degrees(np.arcsin(np.tanh(np.arange(0, 2, 0.05))))  # Mercator's, from 0 to 74 degrees
    sea.save(sea.dataset(latitude=latitude))
    assert sea.holds(read_regions(sea.paths)[0], latitude=latitude)
