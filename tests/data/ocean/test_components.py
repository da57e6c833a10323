"""The components are found by standard name or common names; what is no current is told from them."""

import pytest
import xarray as xr

from data.errors import DataError
from data.ocean.levels import Choice
from data.ocean.regions import read_regions

PAIRS = [
    "uo vo",
    "u v",
    "ugos vgos",
    "water_u water_v",
    "u_surf v_surf",
    "utotal vtotal",
    "UVEL VVEL",
    "vozocrtx vomecrty", "ucurr vcurr", "u_vel v_vel", "EVEL NVEL", "ugeos vgeos", "UOGRD VOGRD", "vel_u vel_v",
]  # fmt: skip
STANDARD = ["{}_sea_water_velocity", "surface_{}_sea_water_velocity", "surface_geostrophic_{}_sea_water_velocity"]
ALONG = [("sea_water_x_velocity", "sea_water_y_velocity")]
STANDARD_PAIRS = [(name.format("eastward"), name.format("northward")) for name in STANDARD] + ALONG


@pytest.mark.parametrize("pair", PAIRS)
def test_common_names_are_known(sea, pair):
    sea.save(sea.dataset(names=pair.split()))
    (region,) = read_regions(sea.paths)
    assert sea.holds(region) and region.facts["variables"] == pair.split()


@pytest.mark.parametrize(("eastward", "northward"), STANDARD_PAIRS)
def test_standard_names_are_known_whatever_variables_are_called(sea, eastward, northward):
    found = sea.dataset(names=("var131", "current.2"))
    found["var131"].attrs["standard_name"], found["current.2"].attrs["Standard_Name"] = eastward, northward
    sea.save(found.assign(u=(found["var131"] * 9).assign_attrs(standard_name="eastward_wind")))
    (region,) = read_regions(sea.paths)
    assert sea.holds(region) and region.facts["variables"] == ["var131", "current.2"]


def with_others(sea, others, factor=3):
    """uo and vo as they should be, and other pairs with other values."""
    found = sea.dataset()
    for u, v, *standard in others:
        found[u], found[v] = found["uo"] * factor, found["vo"] * factor
        for name, one in zip((u, v), standard, strict=False):
            found[name].attrs["standard_name"] = one
    return found


@pytest.mark.parametrize(
    "others",
    [
        [("ugos", "vgos")], [("utotal", "vtotal")], [("ugosa", "vgosa"), ("ugos", "vgos")], [("vxo", "vyo")],
        [("u", "v", "eastward_wind", "northward_wind")], [("vsdx", "vsdy")], [("uo_err", "vo_err")],
        [("a", "b", "geostrophic_eastward_sea_water_velocity", "geostrophic_northward_sea_water_velocity")],
        [("u", "v", "sea_ice_x_velocity", "sea_ice_y_velocity")],
    ],
)  # fmt: skip
def test_of_several_pairs_the_whole_current_is_read_and_no_wind(sea, others):
    sea.save(with_others(sea, others))
    (region,) = read_regions(sea.paths)
    assert sea.holds(region) and region.facts["variables"] == ["uo", "vo"]


def test_pairs_are_never_mixed_and_can_be_named(sea):
    found = with_others(sea, [("ugos", "vgos")])
    sea.save(found.drop_vars("vo"))  # uo is left alone
    (region,) = read_regions(sea.paths)
    assert region.facts["variables"] == ["ugos", "vgos"] and region.facts["passed_over"] == ["uo"]
    assert region.facts["kind"] == "geostrophic current"
    sea.save(found)
    (region,) = read_regions(sea.paths, Choice(variables=("ugos", "vgos")))
    assert region.fields[0, 0, 0, 0] == pytest.approx(3 * float(found["uo"][0, -1, 0]), rel=1e-5)
    sea.save(found.rename(uo="this", vo="that"))
    assert sea.holds(read_regions(sea.paths, Choice(variables=("this", "that")))[0])
    with pytest.raises(DataError, match="--variables must name two variables, u and v, got uo twice"):
        read_regions(sea.paths, Choice(variables=("uo", "uo")))
    with pytest.raises(DataError, match="atlantic.nc has neither east nor north, it has"):
        read_regions(sea.paths, Choice(variables=("east", "north")))
    standard = dict(zip("uv", STANDARD_PAIRS[0], strict=True))
    many = xr.Dataset({f"{c}{n}": found["uo"].assign_attrs(standard_name=standard[c]) for c in "uv" for n in "12"})
    sea.save(many)
    with pytest.raises(
        DataError, match="atlantic.nc has several pairs of currents, u1 and v1, u1 and v2.*--variables U V"
    ):
        read_regions(sea.paths)
    sea.save(sea.dataset().rename(uo="speed", vo="direction"))
    with pytest.raises(
        DataError, match="atlantic.nc must have currents, as uo and vo.*it has speed, direction.*--variables"
    ):
        read_regions(sea.paths)


@pytest.mark.parametrize("words", ["U component of wind", "10 metre U wind component", "Sea-ice drift", "Stokes drift"])
def test_a_long_name_tells_what_is_no_current(sea, words):
    found = sea.dataset(names=("u", "v"))
    for name in ("u", "v"):
        found[name].attrs["long_name"] = words
    sea.save(found)
    with pytest.raises(DataError, match="atlantic.nc must have currents, .* or leave it out"):
        read_regions(sea.paths)
    for name in ("u", "v"):
        found[name].attrs["long_name"] = f"current with {words}"
    sea.save(found)
    assert sea.holds(read_regions(sea.paths)[0])


def test_an_error_of_a_current_is_no_current(sea):
    found = sea.dataset()
    for name, side in (("uo", "east"), ("vo", "north")):
        found[name].attrs["standard_name"] = f"{side}ward_sea_water_velocity standard_error"
    sea.save(found)
    with pytest.raises(DataError, match="must have currents"):
        read_regions(sea.paths)
