"""Ocean currents on disk: NetCDF of either kind becomes tiles; land, gaps and damage are named."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from data.errors import DataError, DownloadError, ManifestError
from data.fields.schema import read_tiles
from data.manifest import Manifest
from data.ocean.levels import Choice
from data.ocean.prepare import PrepareConfig, folder_of, main, prepare, selection
from data.ocean.regions import read_regions
from data.registry import data_set
from data.terminal import answer

DAYS = 5
REFUSAL = "give another folder (--out, --data of a search), or drop --files"


def copernicus(folder, name, height=9, width=18, times=None, fill=None):
    """A region in one file, rows from south to north, with a depth, no units; (u, v) = (longitude + day, latitude)."""
    times = np.arange(DAYS) * 24.0 if times is None else times
    latitude, longitude = np.arange(height) * 1.0, np.arange(width) * 1.0
    u = longitude + 0 * latitude[:, None] + np.arange(len(times))[:, None, None, None]
    v = latitude[:, None] + 0 * longitude + 0 * u
    u[:, :, 0, :2] = np.nan if fill is None else fill
    dimensions = ("time", "depth", "latitude", "longitude")
    content = {"uo": (dimensions, u.astype("f4")), "vo": (dimensions, v.astype("f4"))}
    places = {"time": times, "depth": [0.5], "latitude": latitude, "longitude": longitude}
    folder.mkdir(exist_ok=True)
    xr.Dataset(content, places).to_netcdf(folder / f"{name}.nc", engine="h5netcdf")
    return folder


def globcurrent(folder, day):
    """A day in one classic file, rows from south to north, the western column land."""
    field = np.full((1, 8, 9), day, "f8")
    field[..., 0] = np.nan
    names = ("eastward_eulerian_current_velocity", "northward_eulerian_current_velocity")
    time = ("time", [37255.0 + day], {"Unit": "days since 1900-1-1"})
    places = {"time": time, "lat": np.arange(8) * 0.25, "lon": np.arange(9) * 0.25}
    folder.mkdir(exist_ok=True)
    path = folder / f"200201{day + 1:02}000000-GLOBCURRENT-L4.nc"
    xr.Dataset({name: (("time", "lat", "lon"), field) for name in names}, places).to_netcdf(path, engine="scipy")


def test_copernicus_files_become_tiles_with_the_north_on_top(tmp_path):
    files = copernicus(tmp_path / "files", "atlantic")
    manifest = prepare(tmp_path / "out", files=files, size=4)
    tiles = read_tiles(folder_of(tmp_path / "out", 4), manifest)
    assert [tile.name for tile in tiles] == [f"atlantic/{row}/{column}" for row in range(2) for column in range(4)]
    first = tiles[0].frames
    assert first.shape == (DAYS, 2, 4, 4) and first.dtype == np.float32
    assert first[3, 0, 0].tolist() == [1 + 3, 2 + 3, 3 + 3, 4 + 3]  # 18 columns: one is cut off at either side
    assert first[0, 1, :, 0].tolist() == [8, 7, 6, 5]
    assert manifest.details["regions"]["atlantic"]["frames"] == DAYS and not manifest.demo


@pytest.mark.parametrize("fill", [None, -32767.0, 9.96921e36])
def test_land_is_zero_and_known(tmp_path, fill):
    (region,) = read_regions(list(copernicus(tmp_path / "files", "atlantic", fill=fill).iterdir()))
    assert region.land.sum() == 2 and region.land[-1, :2].all()
    assert (region.fields[:, :, -1, 0] == 0).sum() == DAYS + DAYS  # u that is missing, and v, whose latitude is 0
    assert np.isfinite(region.fields).all()


def test_daily_files_follow_each_other_in_time_whatever_their_order(tmp_path):
    for day in (2, 0, 1):
        globcurrent(tmp_path / "files", day)
    paths = sorted((tmp_path / "files").iterdir(), reverse=True)
    (region,) = read_regions(paths)
    assert region.name == "globcurrent" and region.fields[:, 0, 0, 5].tolist() == [0, 1, 2]
    assert region.land[:, 0].all() and region.land.mean() == pytest.approx(1 / 9)
    (tmp_path / "files" / paths[1].name).unlink()
    globcurrent(tmp_path / "files", 3)
    (region,) = read_regions(sorted((tmp_path / "files").iterdir()))
    assert region.fields[:, 0, 0, 5].tolist() == [0, 2, 3] and region.facts["gaps"] == ["2002-01-02"]


def test_tiles_of_land_are_left_out(tmp_path):
    files = tmp_path / "files"
    for day in range(2):
        globcurrent(files, day)
    assert prepare(tmp_path / "out", files=files, size=1).num_clips == 8 * 8
    assert prepare(tmp_path / "out", files=files, size=8).num_clips == 1


def test_a_second_call_changes_nothing_and_damage_is_made_good(tmp_path):
    files = copernicus(tmp_path / "files", "atlantic")
    first = prepare(tmp_path / "out", files=files, size=4)
    path = folder_of(tmp_path / "out", 4) / "tiles.parquet"
    before = path.stat().st_mtime_ns
    assert prepare(tmp_path / "out", size=4) == first and path.stat().st_mtime_ns == before
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ManifestError, match=r"tiles.parquet has \d+ bytes"):
        Manifest.read(path.parent).verify(path.parent)
    assert prepare(tmp_path / "out", files=files, size=4).hash == first.hash


def test_what_cannot_be_used_is_named(tmp_path):
    with pytest.raises(DownloadError, match="ocean currents cannot be downloaded without an account"):
        prepare(tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty has no NetCDF file"):
        prepare(tmp_path / "out", files=tmp_path / "empty")
    files = copernicus(tmp_path / "files", "atlantic")
    with pytest.raises(DataError, match="atlantic has 9 x 18 pixels, less than a tile of 16: lower data.size"):
        prepare(tmp_path / "out", files=files, size=16)
    (files / "broken.nc").write_bytes(b"\x89HDF and no more")
    with pytest.raises(DataError, match="broken.nc is damaged"):
        prepare(tmp_path / "out", files=files, size=4)
    (files / "broken.nc").write_bytes(b"not at all")
    with pytest.raises(DataError, match="broken.nc is no NetCDF file"):
        prepare(tmp_path / "out", files=files, size=4)
    xr.Dataset({"sst": ("time", [1.0])}, {"time": [0.0]}).to_netcdf(files / "broken.nc", engine="h5netcdf")
    with pytest.raises(DataError, match="broken.nc must have currents, as uo and vo or by the standard names"):
        prepare(tmp_path / "out", files=files, size=4)
    assert not folder_of(tmp_path / "out", 4).exists()


@pytest.mark.skipif("FERNN_OCEAN" not in os.environ, reason="FERNN_OCEAN names no folder of GlobCurrent's files")
def test_real_currents_are_read(tmp_path):
    manifest = prepare(tmp_path / "out", files=Path(os.environ["FERNN_OCEAN"]), size=16)
    facts = manifest.details["regions"]["globcurrent"]
    assert facts["frames"] == 120 and facts["pixels"] == [41, 81] and facts["tiles"] == 8
    assert 0.2 < facts["land"] < 0.25 and 0.4 < facts["speed"] < 0.7


@pytest.fixture
def ready(sea, tmp_path):
    """A folder that was made of two files, which are there still."""
    sea.save(sea.dataset(days=[0, 1, 2]), "a_1.nc")
    sea.save(sea.dataset(days=[3, 4, 5]), "a_2.nc")
    prepare(tmp_path / "out", files=sea.folder, size=4)
    return tmp_path / "out"


def changed(sea):
    found = sea.dataset(days=[3, 4, 5])
    found["uo"].values[0, 0, 0] += 0.5
    sea.save(found, "a_2.nc")


CHANGES = [
    (changed, "a_2.nc has other content"), (lambda sea: (sea.folder / "a_2.nc").unlink(), "a_2.nc is not there"),
    (lambda sea: sea.save(sea.dataset(days=[6, 7]), "a_3.nc"), "a_3.nc is not part of it"),
    (lambda sea: shutil.rmtree(sea.folder), "it is not there"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "reason"), CHANGES)
def test_other_files_are_refused_by_the_command_and_by_a_search(sea, ready, capsys, change, reason):
    manifest = prepare(ready, size=4)
    change(sea)
    capsys.readouterr()
    assert answer(main, PrepareConfig(ready, sea.folder, 4)) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert reason in said and (REFUSAL in said or not sea.folder.exists())
    with pytest.raises(DataError, match=reason):
        data_set("ocean").require_same(folder_of(ready, 4), manifest, sea.folder)
    assert prepare(ready, size=4) == manifest  # without files, any files will do


def test_the_same_files_elsewhere_are_the_same(sea, ready, tmp_path, capsys):
    shutil.copytree(sea.folder, tmp_path / "copy")
    assert answer(main, PrepareConfig(ready, tmp_path / "copy", 4)) == 0
    assert answer(main, PrepareConfig(ready, tmp_path / "copy/a_1.nc", 4)) == 2
    assert "a_2.nc is not there" in capsys.readouterr().err


def test_a_manifest_without_files_says_that_it_cannot_tell(sea, ready, capsys):
    manifest = prepare(ready, size=4)
    del manifest.details["files"]
    data_set("ocean").require_same(folder_of(ready, 4), manifest, sea.folder)
    assert "does not say which files it is made of, these may be others: delete it" in capsys.readouterr().err


def deep(sea):
    """The current at the surface, twice as fast at 100 m."""
    found = xr.concat([sea.dataset(), 2 * sea.dataset()], dim="depth").transpose("time", "depth", ...)
    return found.assign_coords(depth=("depth", [0.5, 100.0], {"units": "m", "positive": "down"}))


def test_another_depth_never_takes_a_folders_place_in_silence(sea, tmp_path, capsys):
    sea.save(deep(sea))
    surface = prepare(tmp_path / "out", files=sea.folder, size=4)
    with pytest.raises(DataError, match="was prepared with the level nearest the surface, asked for is --depth 100"):
        prepare(tmp_path / "out", size=4, choice=Choice(depth=100))
    assert answer(main, PrepareConfig(tmp_path / "other", sea.folder, 4, depth=100)) == 0
    assert "depth 100 (100 m deep) of 2 levels" in capsys.readouterr().err
    other = Manifest.read(folder_of(tmp_path / "other", 4))
    assert other.hash != surface.hash and other.details["choice"]["depth"] == 100
    assert prepare(tmp_path / "other", size=4) == other  # without files, what is there is asked for
    for arguments in ({}, {"depth": 50}, {"select": ("depth=100",)}, {"depth": 100, "variables": ("u", "v")}):
        assert answer(main, PrepareConfig(tmp_path / "other", sea.folder, 4, **arguments)) == 2
        assert "was prepared with --depth 100, asked for is" in capsys.readouterr().err


@pytest.mark.parametrize("given", ["member", "member=", "=0", "member=0=", "=", ""])
def test_a_selection_is_a_dimension_and_its_value(sea, tmp_path, capsys, given):
    assert selection(["member=0", "expver = 0001"]) == {"member": "0", "expver": "0001"}
    if given == "member=0=":
        assert selection([given]) == {"member": "0="}
        return
    assert answer(main, PrepareConfig(tmp_path / "out", sea.folder, 4, select=(given,))) == 2
    assert f"--select must be DIMENSION=VALUE, each dimension once, got {given!r}" in capsys.readouterr().err
    with pytest.raises(DataError, match="each dimension once"):
        selection(["a=1", "a=2"])


def test_nothing_is_left_where_files_are_refused(sea, tmp_path, capsys):
    sea.save(sea.dataset().expand_dims(member=[0, 1]))
    for arguments in ({}, {"depth": -5.0}, {"size": 0}, {"select": ("member=7",)}):
        assert answer(main, PrepareConfig(tmp_path / "out", sea.folder, **{"size": 4} | arguments)) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1
    assert not folder_of(tmp_path / "out", 4).exists()
    assert answer(main, PrepareConfig(tmp_path / "out", sea.folder, 4, select=("member=1",))) == 0
