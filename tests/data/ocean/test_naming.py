"""The components are found by standard name or common names, in one file or two, and are turned into m/s."""

import numpy as np
import pytest
import xarray as xr

from data.errors import DataError
from data.ocean.levels import Choice
from data.ocean.regions import read_regions
from data.ocean.speeds import metres_per_second

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


@pytest.mark.parametrize(
    ("u", "v"), [("uo_atlantic.nc", "vo_atlantic.nc"), ("atlantic-u.nc", "atlantic-v.nc"), ("u.nc", "v.nc")]
)
def test_u_and_v_may_be_in_files_of_their_own(sea, u, v):
    for days in ([0, 1, 2], [3, 4]):
        found = sea.dataset(days=days)
        sea.save(found[["uo"]], f"{days[0]}{u}")
        sea.save(found[["vo"]].isel(latitude=slice(None, None, -1)), f"{days[0]}{v}")
    (region,) = read_regions(sea.paths)
    assert sea.holds(region, days=range(5)) and region.facts["variables"] == ["uo", "vo"]
    assert region.name == ("u" if u == "u.nc" else "atlantic")


def test_a_component_without_the_other_is_refused(sea):
    found = sea.dataset()
    sea.save(found[["uo"]], "uo.nc")
    with pytest.raises(DataError, match="uo.nc has uo on 2002-01-01, but no file has v then on the same grid"):
        read_regions(sea.paths)
    sea.save(found[["vo"]].isel(time=slice(0, 4)), "vo.nc")
    with pytest.raises(DataError, match="uo.nc has uo on 2002-01-05, but no file has v then"):
        read_regions(sea.paths)
    sea.save(found[["vo"]].rename(vo="vgos"), "vo.nc")
    with pytest.raises(
        DataError, match=r"uo.nc has the eastward and northward current \(uo\) and .*vo.nc the geostrophic"
    ):
        read_regions(sea.paths)


METRES = {
    1: "m s-1|m/s|m s**-1|m s^-1|m.s-1|m·s⁻¹|m*s-1|ms-1|ms^-1|m sec-1|M/S|[m/s]|(m s-1)| m s-1 |meter second-1"
    "|meters second-1|metre per second|meters/second|metres per second|meter sec-1|m s^{-1}|m s -1|1 m s-1|mps|m_per_s",
    0.01: "cm s-1|cm/s|cm s**-1|cm.s-1|cms-1|centimeter second-1|centimetres per second|cm/sec|0.01 m s-1|1e-2 m/s",
    0.001: "mm s-1|mm/s|millimeter s-1", 1852 / 3600: "knots|knot|kt|kts|kn|Knots",
    1 / 3.6: "km/h|km h-1|km/hr|kilometers per hour|kmh|kph|km hour-1", 1000: "km/s",
    1 / 86400: "m/day|m d-1|metres per day",
}  # fmt: skip
NO_SPEEDS = (
    "degC|1|kg m-3|m|s|m2 s-1|m s-2|m/s2|m/s/s|s-1|Pa|m s|dimensionless|unknown|m-1 s|W m-2|m3 s-1|rad s-1|0 m/s|none"
)


def test_spellings_of_units_become_metres_per_second():
    for rate, spellings in METRES.items():
        for spelling in spellings.split("|"):
            assert metres_per_second(spelling) == pytest.approx(rate), spelling
    assert [units for units in NO_SPEEDS.split("|") if metres_per_second(units) is not None] == []


@pytest.mark.parametrize(
    ("units", "factor"), [("cm s-1", 0.01), ("knots", 1852 / 3600), ("km/h", 1 / 3.6), ("m s**-1", 1)]
)
def test_velocities_become_metres_per_second(sea, units, factor):
    sea.save(sea.dataset(units=units, factor=factor))
    (region,) = read_regions(sea.paths)
    assert sea.holds(region) and region.facts["units"] == [units, units]


def test_each_variable_and_file_has_units_of_its_own_and_none_is_said(sea):
    found = sea.dataset(days=[0, 1])
    found["uo"] = found["uo"] * 100
    found["uo"].attrs = {"Unit": "cm/s"}
    sea.save(found, "a_1.nc")
    sea.save(sea.dataset(days=[2, 3], units=None), "a_2.nc")
    (region,) = read_regions(sea.paths)
    assert sea.holds(region, days=range(4))
    assert region.facts["units"] == [f"{units} or m s-1 (no units given)" for units in ("cm/s", "m s-1")]


@pytest.mark.parametrize("units", ["degC", "1", "kg m-3", "m s-2"])
def test_what_cannot_become_metres_per_second_is_refused(sea, units):
    sea.save(sea.dataset(units=units))
    with pytest.raises(DataError, match=f"atlantic.nc: uo is in '{units}', which is no velocity that becomes m/s"):
        read_regions(sea.paths)


@pytest.mark.parametrize("engine", ["scipy", "h5netcdf"])
@pytest.mark.parametrize(("units", "factor"), [("m s-1", 1.0), ("cm s-1", 0.01)])
def test_packed_values_are_unpacked_and_fill_values_are_land(sea, engine, units, factor):
    found = sea.dataset(units=units, factor=factor)
    found["uo"][:, 0, 0] = np.nan
    packing = {"dtype": "i2", "scale_factor": 1e-4 / factor, "add_offset": 0.5 / factor, "_FillValue": np.int16(-32767)}
    sea.save(found, engine=engine, encoding={"uo": packing, "vo": packing})
    (region,) = read_regions(sea.paths)
    assert region.land.sum() == 1 and (region.fields[:, 0, -1, 0] == 0).all()
    region.fields[:, 0, -1, 0] = float(found["uo"][0, 1, 0]) * factor  # any: what is land has no right value
    assert region.fields[2, 0, 0, 3] == pytest.approx(float(found["uo"][2, -1, 3]) * factor, abs=1e-4)
    assert region.fields[2, 1, 0, 3] == pytest.approx(float(found["vo"][2, -1, 3]) * factor, abs=1e-4)


@pytest.mark.parametrize("fill", [-32767.0, 9.96921e36, 1e20, -9999.0, 999.0, -1e34])
def test_fill_values_that_no_attribute_names_are_land(sea, fill):
    found = sea.dataset()
    found["vo"][:, 0, 0] = fill
    sea.save(found, encoding={name: {"_FillValue": None} for name in ("uo", "vo")})
    (region,) = read_regions(sea.paths)
    assert region.land.sum() == 1 and region.land[-1, 0] and np.abs(region.fields).max() < 3


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


def test_a_mask_beside_the_data_is_left_out_which_is_said(sea, capsys):
    sea.save(sea.dataset())
    mask = sea.dataset().isel(time=0, drop=True).rename(uo="deptho", vo="mask")
    path = sea.save(mask, "mask_bathy.nc")
    assert sea.holds(read_regions(sea.paths)[0])
    assert f"{path} has neither currents nor times: it is left out" in capsys.readouterr().err
    with pytest.raises(DataError, match="mask_bathy.nc must have currents, .* or leave it out"):
        read_regions([path])
    sea.save(sea.dataset().rename(uo="thetao", vo="so"), "temperature.nc")
    with pytest.raises(DataError, match="temperature.nc must have currents"):
        read_regions(sea.paths)
