"""Temperatures beside currents: which variable, which units, and what is land."""

import numpy as np
import pytest

from data.errors import DataError
from data.fields.schema import read_tiles
from data.ocean.levels import NEAREST, WARM, Choice
from data.ocean.prepare import PrepareConfig, folder_of, main, prepare
from data.ocean.regions import read_regions
from data.terminal import answer

SURFACE, POTENTIAL = "sea_surface_temperature", "sea_water_potential_temperature"


def warmth(days=6, rows=12, columns=14):
    """Degrees Celsius, the first row in the south, warmer to the north and later."""
    return 10 + 0.5 * np.arange(rows)[:, None] + 0.1 * np.arange(days)[:, None, None] + np.zeros(columns)


def warm(sea, name="thetao", added=0.0, **attributes):
    """The made-up current's file with a temperature."""
    found = sea.dataset()
    values = (warmth() + added).astype("f4")
    return found.assign({name: (found["uo"].dims, values, {"units": "degrees_C"} | attributes)})


def holds(region):
    return np.abs(region.fields[:, 2] - warmth()[:, ::-1]).max() < 1e-4


@pytest.mark.parametrize(
    ("name", "added", "attributes"),
    [
        ("thetao", 0.0, {}),
        ("SST", 273.15, {"units": "K"}),
        ("tw", 273.15, {"units": "kelvin", "standard_name": SURFACE}),
        ("water", 0.0, {"units": "degC", "standard_name": POTENTIAL}),
    ],
)
def test_a_temperature_is_found_by_name_and_becomes_degrees_celsius(sea, name, added, attributes):
    sea.save(warm(sea, name, added, **attributes))
    (region,) = read_regions(sea.paths, WARM)
    assert region.fields.shape[1] == 3 and holds(region) and region.facts["variables"] == ["uo", "vo", name]
    (bare,) = read_regions(sea.paths)
    assert np.array_equal(region.fields[:, :2], bare.fields) and sea.holds(bare)


def test_a_temperature_may_be_in_files_of_its_own(sea):
    found = warm(sea)
    sea.save(found[["uo", "vo"]], "cur.nc")
    sea.save(found[["thetao"]], "thetao.nc")
    (region,) = read_regions(sea.paths, WARM)
    assert holds(region) and region.facts["kind"] == "eastward and northward current"
    (sea.folder / "thetao.nc").unlink()
    with pytest.raises(DataError, match="cur.nc has uo on 2002-01-01, but no file has a temperature then on the same"):
        read_regions(sea.paths, WARM)


def test_the_most_preferred_temperature_is_read_or_the_one_that_is_asked_for(sea):
    found = warm(sea, "skin", 1.0, standard_name=SURFACE)
    found["bulk"] = found["skin"].assign_attrs(standard_name=POTENTIAL) - np.float32(1)
    found["bulk"].attrs = {"units": "degrees_C", "standard_name": POTENTIAL}
    sea.save(found)
    assert holds(read_regions(sea.paths, WARM)[0])
    (region,) = read_regions(sea.paths, Choice(temperature="skin"))
    assert region.fields[0, 2, -1, 0] == pytest.approx(11)
    found["other"] = found["bulk"]
    sea.save(found)
    with pytest.raises(DataError, match="has several temperatures, bulk, other: choose one with --temperature NAME"):
        read_regions(sea.paths, WARM)


@pytest.mark.parametrize(
    ("added", "units", "message"),
    [
        (0.0, "m", "thetao is in 'm', which must be kelvin or degrees Celsius"),
        (0.0, "", "thetao is in 'no units', which must be kelvin or degrees Celsius"),
        (0.0, "K", "thetao has the value -263.1 degrees Celsius, which no water has"),
        (90.0, "degrees_C", "thetao has the value 106 degrees Celsius"),
    ],
)
def test_what_is_no_temperature_is_refused(sea, added, units, message):
    sea.save(warm(sea, added=added, units=units))
    with pytest.raises(DataError, match=message):
        read_regions(sea.paths, WARM)


def test_land_has_the_mean_temperature_of_the_water_and_no_velocity(sea):
    found = warm(sea)
    for name in ("uo", "vo", "thetao"):
        found[name].values[:, :, :3] = np.nan
    found["thetao"].values[2, 0, 5] = np.nan  # at one time alone
    sea.save(found)
    (region,) = read_regions(sea.paths, WARM)
    water = found["thetao"].values[np.isfinite(found["thetao"].values)].mean(dtype=float)
    assert region.land[:, :3].all() and region.land[-1, 5] and region.land.sum() == 12 * 3 + 1
    np.testing.assert_allclose(region.fields[:, 2, :, :3], water, rtol=1e-6)
    assert not region.fields[:, :2, :, :3].any() and region.fields[2, 2, -1, 5] == pytest.approx(water)


def test_tiles_with_temperatures_have_a_folder_of_their_own_and_those_without_stay_as_they_were(sea, tmp_path):
    sea.save(warm(sea))
    bare = prepare(tmp_path, files=sea.folder, size=4)
    assert "temperature" not in bare.details["choice"] and NEAREST.facts() == bare.details["choice"]
    folder = folder_of(tmp_path, 4, "currents-and-temperature")
    config = PrepareConfig(tmp_path, sea.folder, 4, quantities="currents-and-temperature", temperature="thetao")
    assert answer(main, config) == 0 and folder != folder_of(tmp_path, 4)
    again = prepare(tmp_path, size=4, choice=WARM)  # as a search finds it
    assert again.details["choice"]["temperature"] == "thetao" and again.hash != bare.hash
    assert {tile.frames.shape for tile in read_tiles(folder, again)} == {(6, 3, 4, 4)}
    with pytest.raises(DataError, match="was prepared with --temperature thetao, asked for is the level nearest"):
        prepare(tmp_path, files=sea.folder, size=4, choice=WARM)


def test_a_name_without_temperatures_is_refused(sea, tmp_path, capsys):
    sea.save(warm(sea))
    assert answer(main, PrepareConfig(tmp_path, sea.folder, 4, temperature="thetao")) == 2
    assert "give --quantities currents-and-temperature" in capsys.readouterr().err
