"""Values that are no current are land where an attribute says so, else refused; none passes as a current."""

import numpy as np
import pytest

from data.errors import DataError
from data.ocean.prepare import PrepareConfig, main
from data.ocean.regions import read_regions

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
    assert main(PrepareConfig(tmp_path / "out", sea.folder, 4)) == 2
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
    assert main(PrepareConfig(tmp_path / "out", sea.folder, 4)) == 0
    assert "144 values outside of valid_min, valid_max or valid_range count as missing" in capsys.readouterr().err
    assert read_regions(sea.paths)[0].land.sum() == 12


def test_a_scale_in_text_is_read_and_one_that_is_no_number_is_named(sea):
    found = sea.dataset(factor=2.0)
    for name in ("uo", "vo"):
        found[name].attrs |= {"scale_factor": "2.0", "add_offset": "0", "missing_value": "none"}
    sea.save(found)
    assert sea.holds(read_regions(sea.paths)[0])
    found["vo"].attrs["scale_factor"] = "two"
    sea.save(found)
    with pytest.raises(DataError, match="atlantic.nc: scale_factor of vo must be a number, got 'two'"):
        read_regions(sea.paths)
