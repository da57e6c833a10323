"""What regions are called."""

import numpy as np
import pytest

from data.errors import DataError
from data.ocean.names import common_name, named, names_of
from data.ocean.regions import read_regions


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
