"""Files of one grid are a region: components and times are joined, masked days are gaps, masked places land."""

import numpy as np
import pytest
import xarray as xr

from data.errors import DataError
from data.manifest import Manifest
from data.ocean.levels import Choice
from data.ocean.prepare import PrepareConfig, folder_of, main
from data.ocean.regions import read_parts, read_regions
from data.terminal import answer


def masked(sea, *spans, land=0):
    """The current without u in some columns on some days, and without both in the first columns at all times."""
    found = sea.dataset()
    for day, first, last in spans:
        found["uo"].values[day, :, first:last] = np.nan
    for name in ("uo", "vo"):
        found[name].values[:, :, :land] = np.nan
    return found


def test_places_masked_on_some_days_are_said_and_stand_in_the_manifest(sea, tmp_path, capsys):
    sea.save(masked(sea, (1, 2, 4), (3, 3, 8), land=2))  # columns 2 to 7 of 14 at some times, 0 and 1 at all
    assert answer(main, PrepareConfig(tmp_path / "out", sea.folder, 4)) == 0
    words = "atlantic: 43 % counts as land because it is masked on some days (most on 2002-01-04)"
    assert words in capsys.readouterr().err.splitlines()
    facts = Manifest.read(folder_of(tmp_path / "out", 4)).details["regions"]["atlantic"]
    assert facts["sometimes_masked"] == {"share": pytest.approx(6 / 14), "most": "2002-01-04"}
    assert facts["land"] == pytest.approx(8 / 14) and facts["masked"] == []


def test_land_at_all_times_and_days_that_are_gaps_are_not_said_so(sea):
    found = masked(sea, land=3)
    found["uo"].values[2, :, :12] = np.nan  # more than half, so that the day is a gap
    sea.save(found)
    (region,) = read_regions(sea.paths)
    assert region.facts["sometimes_masked"] is None and region.facts["masked"] == ["2002-01-03"]


def test_where_all_tiles_are_land_for_it_the_refusal_says_so(sea, tmp_path, capsys):
    sea.save(masked(sea, (0, 0, 6), (4, 6, 13)))
    assert answer(main, PrepareConfig(tmp_path / "out", sea.folder, 12)) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert (
        f"{sea.folder}: every tile of 12 x 12 pixels is land for more than 50%; atlantic: 93 % counts as land" in said
    )
    assert "because it is masked on some days (most on 2002-01-05): leave those days out" in said
    assert not folder_of(tmp_path / "out", 12).exists()


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


def at(dataset, values, units, **attributes):
    """The data set with other times."""
    return dataset.assign_coords(time=("time", np.asarray(values), {"units": units} | attributes))


def test_times_that_two_files_have_are_read_once_where_their_fields_are_equal(sea):
    sea.save(sea.dataset(days=range(4)), "jan.nc")
    sea.save(at(sea.dataset(days=range(2, 6)), np.arange(48, 144, 24), "hours since 2002-01-01"), "feb.nc")
    (region,) = read_regions(sea.paths)
    assert sea.holds(region, days=range(6)) and region.facts["doubled"] == 2
    sea.save(sea.dataset(days=range(4)) * 1.5, "jan.nc")
    with pytest.raises(
        DataError, match=r"feb.nc and .*jan.nc have different values of .* on 2002-01-03 at the same places"
    ):
        read_regions(sea.paths)
    for path in sea.paths:
        path.unlink()
    sea.save(sea.dataset(days=[0, 1, 1, 2]))
    assert sea.holds(read_regions(sea.paths)[0], days=range(3))
    sea.save(at(sea.dataset(days=[0, 1, 2, 3]), [0, 1, 1, 2], "days since 2002-01-01"))
    with pytest.raises(DataError, match="atlantic.nc has 2002-01-02 twice, with different values of"):
        read_regions(sea.paths)


@pytest.mark.parametrize("share", [1.0, 0.7])
@pytest.mark.parametrize("component", ["uo", "vo"])
def test_a_day_that_is_masked_is_a_gap_and_no_land(sea, share, component):
    found = sea.dataset()
    found[component][3, :, : round(share * found.sizes["longitude"])] = np.nan
    found["uo"][:, 0, 0] = np.nan  # land
    sea.save(found)
    (region,) = read_regions(sea.paths)
    assert len(region.fields) == 5 and region.breaks == (3,) and region.facts["masked"] == ["2002-01-04"]
    assert region.land.sum() == 1 and region.land[-1, 0]
    region.fields[:, :, -1, 0] = 0
    assert region.fields[3, 1, 0, 4] == pytest.approx(float(found["vo"][4, -1, 4]))


def test_masked_days_at_the_ends_are_left_out_and_a_file_without_any_value_is_refused(sea):
    found = sea.dataset()
    found["uo"][[0, 5]] = np.nan
    sea.save(found)
    (region,) = read_regions(sea.paths)
    assert sea.holds(region, days=[1, 2, 3, 4]) and region.breaks == ()
    assert region.facts["masked"] == ["2002-01-01", "2002-01-06"] and region.facts["first"] == "2002-01-02"
    sea.save(found * np.nan)
    with pytest.raises(DataError, match="atlantic.nc has no currents: every value is a fill value"):
        read_regions(sea.paths)


def test_regions_have_one_step_in_time(sea):
    sea.save(sea.dataset(days=[0, 1, 2]), "atlantic.nc")
    sea.save(sea.dataset(days=[0, 0.25, 0.5], longitude=np.arange(-30, -20, 0.5)), "pacific.nc")
    with pytest.raises(
        DataError, match="but atlantic has 1 day and pacific 6 hours: prepare them in folders of their own"
    ):
        read_regions(sea.paths)


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
