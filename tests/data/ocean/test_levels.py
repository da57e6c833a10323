"""Of several levels the nearest to the surface is read, or to a depth; other dimensions are chosen or refused."""

import numpy as np
import pytest
import xarray as xr

from data.errors import DataError
from data.ocean.levels import Choice
from data.ocean.regions import read_regions


def levelled(sea, name, values, attributes, top, **kind):
    """The current stands at level number ``top``; other levels have a tenth of it, a hundredth and so on."""
    layers = [sea.dataset(**kind) / 10 ** abs(place - top) for place in range(len(values))]
    found = xr.concat(layers, dim=name).transpose("time", name, ...)
    for variable, original in sea.dataset(**kind).variables.items():
        found[variable].attrs = original.attrs
    return found.assign_coords({name: (name, np.asarray(values), attributes)})


UP, DOWN = {"positive": "up", "units": "m"}, {"positive": "down", "units": "m"}
SURFACE_LAST = [
    ("elevation", [-5727.9, -1000, -109.7, -0.494], UP | {"standard_name": "height"}),
    ("elevation", [-5727.9, -1000, -109.7, -0.494], {}),
    ("depth", [5727.9, 1000, 109.7, 0.494], DOWN | {"standard_name": "depth"}),
    ("depth", [-5727.9, -1000, -109.7, -0.494], {}),
    ("lev", [5727.9, 1000, 109.7, 0.494], {"axis": "Z", "units": "meters"}),
    ("deptht", [5727.9, 1000, 109.7, 0.494], {"units": "m"}),
    ("z", [-57.5, -10.5, -5.5, -0.5], {"units": "metres"}),
    ("st_ocean", [572790, 100000, 10970, 49.4], {"cartesian_axis": "Z", "units": "cm"}),
    ("s_rho", [-0.9, -0.5, -0.2, -0.05], {"standard_name": "ocean_s_coordinate_g2", "positive": "up"}),
    ("pressure", [6000.0, 1000, 100, 0.5], {"units": "dbar", "axis": "Z", "positive": "down"}),
    ("depth", [5727.9, 1000, 109.7, 0.494], UP),  # a sign that the attribute contradicts
]


@pytest.mark.parametrize(("name", "values", "attributes"), SURFACE_LAST)
@pytest.mark.parametrize("is_turned", [False, True])
def test_the_level_nearest_the_surface_is_read(sea, name, values, attributes, is_turned):
    values, top = (values[::-1], 0) if is_turned else (values, 3)
    sea.save(levelled(sea, name, values, attributes, top))
    (region,) = read_regions(sea.paths)
    assert sea.holds(region)
    level = region.facts["level"]
    assert level["name"] == name and level["value"] == pytest.approx(values[top]) and level["of"] == 4


@pytest.mark.parametrize(
    ("asked", "top"), [(0, 0), (0.494, 0), (50, 0), (60, 1), (109.7, 1), (1000, 2), (5727, 3), (6000, 3)]
)
def test_the_level_nearest_to_a_depth_is_read_where_it_is_asked_for(sea, asked, top):
    values = [-0.494, -109.7, -1000, -5727.9]
    sea.save(levelled(sea, "elevation", values, UP, top))
    (region,) = read_regions(sea.paths, Choice(depth=asked))
    assert sea.holds(region) and region.facts["level"]["depth"] == pytest.approx(-values[top])


def test_one_level_alone_is_said_whether_it_is_a_dimension_or_not(sea):
    sea.save(levelled(sea, "depth", [15.0], DOWN, 0))
    (region,) = read_regions(sea.paths)
    assert sea.holds(region) and region.facts["level"]["depth"] == 15
    sea.save(sea.dataset().assign_coords(depth=((), 15.0, DOWN)))
    (region,) = read_regions(sea.paths)
    assert sea.holds(region) and region.facts["level"]["depth"] == 15
    assert read_regions(sea.paths, Choice(depth=15))[0].facts == region.facts
    sea.save(sea.dataset())
    assert read_regions(sea.paths)[0].facts["level"] is None


@pytest.mark.parametrize(
    ("name", "values", "attributes", "depth", "message"),
    [
        ("depth", [0.5, 100.0], DOWN, 400, r"--depth must be between 0.5 and 100 m, where .*atlantic.nc .* got 400"),
        ("depth", [0.5], DOWN, 100, r"--depth must be at 0.5 m, where .*atlantic.nc"),
        ("s_rho", [-0.9, -0.1], {"standard_name": "ocean_s_coordinate"}, 5, "s_rho is in no unit, not in metres"),
        ("pressure", [1.0, 100], {"units": "dbar", "positive": "down"}, 5, "pressure is in dbar, not in metres"),
        ("lev", [1, 2, 3], {"units": "level"}, None, r"lev has 3 values \(1, 2, 3\), of which one must be chosen"),
        ("lev", [1, 2, 3], {"positive": "up"}, None, r"lev has 3 values \(1, 2, 3\), of which one must be chosen"),
        ("depth", [0.5, np.nan], DOWN, None, "depth has levels without a value"),
    ],
)  # fmt: skip
def test_levels_that_cannot_be_told_are_refused(sea, name, values, attributes, depth, message):
    sea.save(levelled(sea, name, values, attributes, 0))
    with pytest.raises(DataError, match=message):
        read_regions(sea.paths, Choice(depth=depth))


def test_a_depth_goes_with_levels_and_is_no_height(sea):
    sea.save(sea.dataset())
    with pytest.raises(DataError, match=r"--depth 5: .*atlantic.nc has no levels; leave it out"):
        read_regions(sea.paths, Choice(depth=5))
    for depth in (-1, float("nan"), float("inf")):
        with pytest.raises(DataError, match="--depth must be 0 or more metres below the surface"):
            Choice(depth=depth)
    sea.save(levelled(sea, "depth", [0.5, 100.0], DOWN, 1))
    with pytest.raises(DataError, match="--depth and --select depth both choose a level"):
        read_regions(sea.paths, Choice(depth=5, select={"depth": "100"}))
    assert sea.holds(read_regions(sea.paths, Choice(select={"depth": "100"}))[0])


@pytest.mark.parametrize(
    ("name", "values", "asked"),
    [
        ("member", [0, 1, 2], "1"), ("number", [10, 20, 30], "20"), ("step", [0.0, 24.0, 48.0], "24"),
        ("expver", ["0001", "0005", "0070"], "0005"), ("lead", None, "1"), ("lev", [1, 2, 3], "2"),
    ],
)  # fmt: skip
def test_any_other_dimension_must_be_chosen(sea, name, values, asked):
    found = levelled(sea, name, values or [0, 1, 2], {}, 1)
    sea.save(found if values else found.drop_vars(name))
    known = r"\(" + ", ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in values or [0, 1, 2]) + r"\)"
    with pytest.raises(DataError, match=f"atlantic.nc: {name} has 3 values {known}.*--select {name}="):
        read_regions(sea.paths)
    (region,) = read_regions(sea.paths, Choice(select={name: asked}))
    assert sea.holds(region)
    with pytest.raises(DataError, match=rf"--select {name}=77: .*atlantic.nc has "):
        read_regions(sea.paths, Choice(select={name: "77"}))
    with pytest.raises(DataError, match=rf"--select nosuch=1: .* has no such dimension, it has {name}"):
        read_regions(sea.paths, Choice(select={name: asked, "nosuch": "1"}))


def test_a_dimension_of_one_value_needs_no_choice_but_members_do_not_follow_each_other(sea):
    early, late = sea.dataset(days=[0, 1]), sea.dataset(days=[2, 3])
    sea.save(early.expand_dims(member=[0]), "early.nc")
    (region,) = read_regions(sea.paths)
    assert sea.holds(region, days=[0, 1]) and region.facts["selected"] == {"member": "0"}
    sea.save(late.expand_dims(member=[1]), "late.nc")
    with pytest.raises(
        DataError, match=r"early.nc has member 0 and .*late.nc 1, on one grid: prepare them by themselves"
    ):
        read_regions(sea.paths)
    sea.save(early.assign_coords(depth=((), 0.5, DOWN)), "early.nc")
    sea.save(late.assign_coords(depth=((), 15.0, DOWN)), "late.nc")
    with pytest.raises(DataError, match=r"early.nc has level 0.5 m deep and .*late.nc 15 m deep"):
        read_regions(sea.paths)
    sea.save(late.assign_coords(depth=((), np.float32(0.500001), DOWN)), "late.nc")
    assert sea.holds(read_regions(sea.paths)[0], days=range(4))


def layered(sea, name, values, attributes=None, depths=None):
    """The current in the layer whose number is 1, half and twice of it in the others."""
    found = xr.concat([sea.dataset() * factor for factor in (0.5, 1.0, 2.0)], dim=name).transpose("time", name, ...)
    for one in ("uo", "vo"):
        found[one].attrs["units"] = "m/s"
    for axis, units in (
        ("time", "days since 2002-01-01"),
        ("latitude", "degrees_north"),
        ("longitude", "degrees_east"),
    ):
        found[axis].attrs["units"] = units
    found = found if values is None else found.assign_coords({name: (name, values, attributes or {})})
    return found if depths is None else found.assign_coords({depths[0]: (name, *depths[1:])})


@pytest.mark.parametrize("name", ["s_rho", "sigma", "siglay"])
def test_shares_of_the_waters_depth_are_no_metres(sea, name):
    sea.save(layered(sea, name, [-0.9, -0.1, -0.5]))
    (region,) = read_regions(sea.paths)
    assert sea.holds(region) and region.facts["level"]["depth"] is None
    with pytest.raises(DataError, match=f"{name} is in no unit, not in metres: give --select {name}=VALUE"):
        read_regions(sea.paths, Choice(depth=0.5))
    sea.save(layered(sea, name, [0.9, 0.1, 0.5]))  # from the surface, or from the bottom
    with pytest.raises(DataError, match=f"{name} has 3 values .*, of which one must be chosen: .*--select {name}=0.9"):
        read_regions(sea.paths)


METRES = {"units": "m", "positive": "up", "standard_name": "depth"}


@pytest.mark.parametrize(
    ("name", "values", "depths"),
    [
        ("k", [0, 1, 2], ("Z", [-15.0, -5.0, -25.0], METRES)),
        ("lev", [1, 2, 3], ("depth", [15.0, 5.0, 25.0], {"units": "m", "positive": "down"})),
        ("deptht", [1.0, 2.0, 3.0], ("gdept_1d", [15.0, 5.0, 25.0], {"units": "m"})),
    ],
)
def test_depths_in_metres_along_an_index_are_taken(sea, name, values, depths):
    sea.save(layered(sea, name, values, {"units": "1"} if name == "deptht" else {}, depths))
    (region,) = read_regions(sea.paths)
    assert sea.holds(region) and region.facts["level"]["name"] == depths[0] and region.facts["level"]["depth"] == 5
    assert sea.holds(read_regions(sea.paths, Choice(select={name: str(values[1])}))[0])
    assert sea.holds(read_regions(sea.paths, Choice(select={depths[0]: str(depths[1][1])}))[0])
    assert read_regions(sea.paths, Choice(depth=25))[0].facts["level"]["depth"] == 25
