"""Which files of a folder are read, how attributes are spelled, what is said of others, and names of regions."""

import gzip

import h5py
import numpy as np
import pytest

from data.errors import DataError
from data.ocean.opening import common_name, named, names_of, netcdf_files
from data.ocean.regions import read_regions


def test_files_are_found_in_capitals_in_folders_below_and_alone(sea):
    names = ["b.NC", "a.nc", "2002/01/c.Nc4", "2002/02/d.CDF"]
    for name in [*names, "._a.nc", ".hidden/e.nc", "notes.txt", "nc"]:
        path = sea.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert [str(path.relative_to(sea.folder)) for path in netcdf_files(sea.folder)] == sorted(names)
    assert netcdf_files(sea.folder / "a.nc") == [sea.folder / "a.nc"]
    for nothing in ("2002/03", "nowhere"):
        with pytest.raises(DataError, match=r"has no NetCDF file \(.nc\): give the folder that has them"):
            netcdf_files(sea.folder / nothing)


def lfs(whole):
    return b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"


FOREIGN = [
    (lambda whole: b"", "is empty"), (lambda whole: b"no NetCDF at all", "is no NetCDF file"),
    (gzip.compress, "is compressed: gunzip it"), (lambda whole: b"GRIB\0\0\0\2", "is GRIB, not NetCDF: convert it"),
    (lambda whole: b"PK\3\4rest", "is a zip archive: unzip it"), (lfs, "is a Git LFS pointer, not the file itself"),
    (lambda whole: b"\n<!DOCTYPE html><html>log in", "is a web page, not the file itself"),
    (lambda whole: b"CDF\5" + whole[4:], "is NetCDF of the CDF-5 kind: convert it with nccopy"),
]  # fmt: skip
CUT = [lambda whole: whole[:2000], lambda whole: whole[: len(whole) // 2], lambda whole: whole[:-1]]
DAMAGED = [(engine, content, "is damaged: ") for engine in ("scipy", "h5netcdf") for content in CUT]


@pytest.mark.parametrize(("engine", "content", "message"), [("scipy", *one) for one in FOREIGN] + DAMAGED)
def test_what_is_no_whole_netcdf_is_named(sea, capfd, engine, content, message):
    sea.save(sea.dataset(days=[0, 1]), "good_1.nc")
    path = sea.save(sea.dataset(days=[2, 3]), "good_2.nc", engine)
    path.write_bytes(content(path.read_bytes()))
    with pytest.raises(DataError, match=f"good_2.nc {message}") as error:
        read_regions(sea.paths)
    assert "\n" not in str(error.value) and "Traceback" not in capfd.readouterr().err


def test_a_damaged_chunk_is_named_by_its_file(sea):
    found = sea.dataset(days=np.arange(30.0))
    packing = {"zlib": True, "chunksizes": (5, 12, 14)}
    path = sea.save(found, engine="h5netcdf", encoding={name: packing for name in ("uo", "vo")})
    with h5py.File(path) as file:
        chunk = file["vo"].id.get_chunk_info(3)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset : chunk.byte_offset + chunk.size] = bytes(chunk.size)
    path.write_bytes(content)
    with pytest.raises(DataError, match="atlantic.nc is damaged: .*(inflate|filter|read)"):
        read_regions(sea.paths)


def test_other_spellings_of_attributes_are_read(sea):
    found = sea.dataset()
    for variable in found.variables.values():
        variable.attrs = {name.capitalize().rstrip("s"): value for name, value in variable.attrs.items()}
    found["uo"].attrs["Unit"] = "cm/s"
    sea.save(found.assign(uo=(found["uo"] * 100).assign_attrs(found["uo"].attrs)))
    (region,) = read_regions(sea.paths)
    assert sea.holds(region) and region.facts["units"] == ["cm/s", "m s-1"] and region.facts["first"] == "2002-01-01"


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


def test_a_region_is_called_what_its_files_names_share(tmp_path):
    def name(*files):
        return common_name([tmp_path / file for file in files])

    assert name("atlantic.nc") == name("20020101-atlantic.NC", "20020102-ATLANTIC-x.NC") == "atlantic"
    assert name("south_pacific_2020.nc", "south_pacific_2021.nc") == "south_pacific"
    assert name("dt_phy_l4_20190101_20190515.nc", "dt_phy_l4_20190102_20190516.nc") == "dt_phy_l4"
    assert name("uo_atlantic.nc", "vo_atlantic.nc") == "atlantic" and name("jan.nc", "feb.nc") == "jan"
    assert name("2020.nc") == "2020" and name("20020101000000-GLOBCURRENT-L4-v02.0.nc") == "globcurrent"


def test_a_dash_is_part_of_a_name_and_dates_are_not(tmp_path):
    right = {
        "south-pacific.nc": "south_pacific", "North-Atlantic.nc": "north_atlantic", "atl-2002.nc": "atl",
        "south-pacific-2002-01-31.nc": "south_pacific", "north-sea-20020101-20020131.nc": "north_sea",
        "cmems_mod-cur_P1D-m_0.49m_2020-01-01-2020-01-31.nc": "cmems_mod_cur_p1d_m_0.49m",
        "hycom-12v1.nc": "hycom_12v1",
        "20020101000000-GLOBCURRENT-L4-CUReul_hs-ALT_SUM-v02.0-fv01.0.nc": "globcurrent", "2020-01.nc": "2020-01",
        "cmems_mod-cur_P1D-m_1700000000001.nc": "cmems_mod_cur_p1d_m_1700000000001", "a_2002.nc": "a_2002",
    }  # fmt: skip
    assert {file: named(tmp_path / file) for file in right} == right


def test_regions_have_names_of_their_own(sea):
    for number, name in enumerate(["north-atlantic.nc", "north-pacific.nc", "a_1.nc", "a_2.nc"]):
        for day in (0, 3):
            sea.save(sea.dataset(days=np.arange(3) + day, longitude=np.arange(4.0) + 20 * number), f"{day}-{name}")
    regions = read_regions(sea.paths)
    assert [region.name for region in regions] == ["a_1", "a_2", "north_atlantic", "north_pacific"]
    assert all(sea.holds(region, longitude=np.arange(4.0) + 20 * place)
               for region, place in zip(regions, (2, 3, 0, 1), strict=True))  # fmt: skip


def test_equal_names_of_two_regions_become_longer_or_both_files_are_named(tmp_path):
    def names(*groups):
        return names_of([[tmp_path / file for file in group] for group in groups])

    assert names(["a_1.nc", "a_2.nc"], ["a_3.nc", "a_4.nc"]) == ["a_1", "a_3"]
    assert names(["atl-2002-01.nc"], ["atl-2002-02.nc"], ["b.nc"]) == ["atl_2002_01", "atl_2002_02", "b"]
    assert names(["atl/2002.nc"], ["South-Pac/2002.nc"]) == ["atl_2002", "south_pac_2002"]
    with pytest.raises(DataError, match=r"x/c/a.nc and .*y/c/a.nc are of two regions, which would both be called c_a"):
        names(["x/c/a.nc"], ["y/c/a.nc"])
