"""Velocities become m/s; values that are no current are land where an attribute says so, else refused."""

import numpy as np
import pytest

from data.errors import DataError
from data.ocean.prepare import PrepareConfig, main
from data.ocean.regions import read_regions
from data.ocean.speeds import metres_per_second
from data.terminal import answer

HOLE = np.s_[:, :3, :4]


def with_hole(sea, value, units="m s-1", factor=1.0, **attributes):
    """A current whose corner in the south west has another value."""
    found = sea.dataset(units=units, factor=factor)
    for name in ("uo", "vo"):
        found[name].values[HOLE] = value
        found[name].attrs |= attributes
    return found


@pytest.mark.parametrize(
    ("value", "units", "factor", "said"),
    [
        (-99.0, "m s-1", 1, "uo has the value -99 in m s-1, -99 m/s"), (99.0, "m s-1", 1, "99 m/s"),
        (-888.0, "m s-1", 1, "-888 m/s"), (-32.768, "m/s", 1, "the value -32.768 in m/s, -32.77 m/s"),
        (999.0, "cm s-1", 0.01, "the value 999 in cm s-1, 9.99 m/s"),
        (-99.99, "dm/s", 0.1, "-99.99 in dm/s, -9.999 m/s"),
        (-888.0, "cm/s", 0.01, "-888 in cm/s, -8.88 m/s"), (50.0, None, 1, "50 in m s-1 .no units given., 50 m/s"),
    ],
)  # fmt: skip
def test_a_fill_value_that_no_attribute_names_is_refused(sea, value, units, factor, said):
    sea.save(with_hole(sea, value, units, factor))
    with pytest.raises(DataError, match=f"atlantic.nc: .*{said}: a fill value that no attribute names, or other units"):
        read_regions(sea.paths)


def test_centimetres_without_units_are_refused_in_one_line(sea, tmp_path, capsys):
    sea.save(sea.dataset(units=None, factor=0.01))
    assert answer(main, PrepareConfig(tmp_path / "out", sea.folder, 4)) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert "atlantic.nc: vo has the value" in said and "no units given" in said and "or other units?" in said


def test_fast_currents_are_currents(sea):
    found = sea.dataset()
    found["uo"].values[:, 0, 0] = [6.25, -7.5, 8.0, 9.5, 12.0, 20.0]
    sea.save(found)
    (region,) = read_regions(sea.paths)
    assert region.fields[:, 0, -1, 0].tolist() == [6.25, -7.5, 8.0, 9.5, 12.0, 20.0] and not region.land.any()


@pytest.mark.parametrize(
    ("value", "attributes", "outside"),
    [
        (50.0, {"valid_min": -10.0, "valid_max": 10.0}, True), (-50.0, {"valid_range": [-10.0, 10.0]}, True),
        (50.0, {"valid_max": 10.0}, True), (-50.0, {"valid_min": "-10.f"}, True), (9.0, {"Valid_Max": 4}, True),
        (-99.0, {"missing_value": "-99."}, False), (-99.9, {"missing_value": "-99.9"}, False),
        (77.0, {"Missing_Value": 77.0}, False), (-99.0, {"_FillValue": np.float32(-99)}, False),
        (-99.0, {"missing_value": "-32768, -99"}, False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("engine", ["scipy", "h5netcdf"])
def test_values_that_attributes_exclude_are_land(sea, value, attributes, outside, engine):
    sea.save(with_hole(sea, value, **attributes), engine=engine)
    (region,) = read_regions(sea.paths)
    assert region.land[-3:, :4].all() and region.land.sum() == 12 and not region.fields[:, :, -3:, :4].any()
    assert region.facts["outside"] == outside * 2 * 6 * 12


@pytest.mark.parametrize("limits", [{"valid_range": np.array([-3000, 3000], "i2")}, {"valid_min": -3.0}])
def test_limits_are_of_packed_values_unless_those_are_integers_and_the_limits_are_not(sea, tmp_path, capsys, limits):
    found = with_hole(sea, -20.0, **limits)
    packing = {"dtype": "i2", "scale_factor": 0.001, "add_offset": 0.5, "_FillValue": -32767}
    sea.save(found, engine="h5netcdf", encoding={name: packing for name in ("uo", "vo")})
    assert answer(main, PrepareConfig(tmp_path / "out", sea.folder, 4)) == 0
    assert "144 values outside of valid_min, valid_max or valid_range count as missing" in capsys.readouterr().err
    assert read_regions(sea.paths)[0].land.sum() == 12


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
