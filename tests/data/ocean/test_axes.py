"""Which coordinates are believed where a file has several, and what their units and standard names say."""

import numpy as np
import pytest

from data.errors import DataError
from data.ocean.regions import read_regions

LATITUDE, LONGITUDE = np.arange(-40, -34, 0.5), np.arange(10, 17, 0.5)
CURVED = "is on a curvilinear grid, .*interpolate it to latitudes and longitudes, as with cdo remapbil"


def with_planes(sea, bend, names=("nav_lat", "nav_lon"), index=False, **attributes):
    """The current with places along two dimensions too, those of one dimension and ``bend`` degrees beside them."""
    north, east = np.meshgrid(LATITUDE, LONGITUDE, indexing="ij")
    found = sea.dataset()
    if index:
        found = found.assign_coords({name: (name, np.arange(found.sizes[name])) for name in ("latitude", "longitude")})
    planes = (north + bend * (east - 10), east + bend * (north + 40))
    for name, plane, units in zip(names, planes, ("degrees_north", "degrees_east"), strict=True):
        plane[0, 0] = np.nan if bend == 0 and not index else plane[0, 0]
        found[name] = (("latitude", "longitude"), plane, {"units": units} if attributes.get("units", True) else {})
    return found


@pytest.mark.parametrize("names", [("nav_lat", "nav_lon"), ("geolat_c", "geolon_c"), ("yc", "xc")])
@pytest.mark.parametrize("index", [False, True])
def test_places_along_two_dimensions_contradict_those_along_one(sea, names, index):
    sea.save(with_planes(sea, 0.1, names, index))
    with pytest.raises(DataError, match=f"atlantic.nc {CURVED}"):
        read_regions(sea.paths)


def test_names_alone_contradict_too_and_repeated_places_may_lack_values(sea):
    sea.save(with_planes(sea, 0.1, units=False))
    with pytest.raises(DataError, match="its latitudes nav_lat along latitude and longitude do not repeat latitude"):
        read_regions(sea.paths)
    sea.save(with_planes(sea, 0))
    assert sea.holds(read_regions(sea.paths)[0])


def test_an_attribute_wins_over_a_name_alone(sea):
    sea.save(with_planes(sea, 0, index=True))
    assert sea.holds(read_regions(sea.paths)[0])


def in_units(sea, latitude=None, longitude=None, signs=(1, 1), standard=()):
    found = sea.dataset()
    standards = dict(zip(("latitude", "longitude"), standard, strict=False))
    for name, units, sign in zip(("latitude", "longitude"), (latitude, longitude), signs, strict=True):
        given = {"units": units, "standard_name": standards.get(name)}
        attributes = {key: value for key, value in given.items() if value is not None}
        found = found.assign_coords({name: (name, sign * found[name].values, attributes)})
    return found


@pytest.mark.parametrize(
    ("latitude", "longitude", "signs"),
    [
        (None, None, (1, 1)), ("degrees_north", "degrees_west", (1, -1)), ("degree_south", "degree_east", (-1, 1)),
        ("degreesS", "degrees W", (-1, -1)),
        ("degreeS", None, (-1, 1)),
        ("degrés_north", "degrés_west", (1, -1)), ("deg_s", "deg_e", (-1, 1)),
        ("Degrees North", "degreeE", (1, 1)), ("degree_N", "degrees_E", (1, 1)),
        ("deg", "degree", (1, 1)), ("°N", "°W", (1, -1)), ("decimal degrees", "decimal_degrees", (1, 1)),
    ],
)  # fmt: skip
def test_degrees_count_towards_the_side_that_their_units_name(sea, latitude, longitude, signs):
    sea.save(in_units(sea, latitude, longitude, signs), engine="h5netcdf")
    (region,) = read_regions(sea.paths)
    assert sea.holds(region) and region.facts["latitudes"] == [-40, -34.5] and region.facts["longitudes"] == [10, 16.5]


@pytest.mark.parametrize("units", ["km", "m", "radians", "1", "degrees_east", "degC"])
def test_other_units_are_no_latitudes(sea, units):
    sea.save(in_units(sea, units, "degrees_east"))
    with pytest.raises(DataError, match=f"atlantic.nc: the latitudes latitude must be in degrees.* got {units}: "):
        read_regions(sea.paths)


@pytest.mark.parametrize("kind", ["grid_{}", "projection_{}_coordinate"])
def test_rotated_and_projected_grids_are_refused(sea, kind):
    sea.save(in_units(sea, "degrees", "degrees", standard=[kind.format(name) for name in ("latitude", "longitude")]))
    with pytest.raises(DataError, match=r"is on a rotated or projected grid, its latitude is .*cdo remapbil"):
        read_regions(sea.paths)
    sea.save(in_units(sea, standard=["longitude"]))
    with pytest.raises(DataError, match="latitude has the standard name longitude"):
        read_regions(sea.paths)
