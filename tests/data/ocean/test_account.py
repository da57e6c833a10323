"""What was chosen is said, stands in the manifest and is not changed in silence; no window spans a gap."""

import json

import numpy as np
import xarray as xr

from data.fields.schema import breaks_of, read_tiles
from data.manifest import Manifest
from data.ocean.account import masked_at_times, spelled
from data.ocean.levels import Choice
from data.ocean.prepare import PrepareConfig, folder_of, main, prepare
from data.registry import data_set
from data.terminal import answer
from fernn.config import OceanConfig

DATA = OceanConfig(size=4, num_frames=4, input_frames=2, domain=())


def test_choices_are_said_and_stand_in_the_manifest(sea, tmp_path, capsys):
    sea.save(deep(sea).drop_sel(time=3.0))
    assert answer(main, PrepareConfig(tmp_path / "out", sea.folder, 4)) == 0
    said = capsys.readouterr().err.splitlines()
    assert said[:2] == [
        "atlantic: uo, vo (eastward and northward current in m s-1), depth 0.5 (0.5 m deep) of 2 levels, 2002-01-01 to "
        "2002-01-06 (5 frames, 1 day apart), -40 to -34.5 north, 10 to 16.5 east, root mean square 1.37 m/s",
        "atlantic: no file has 2002-01-04; no window spans a gap",
    ]
    facts = Manifest.read(folder_of(tmp_path / "out", 4)).details["regions"]["atlantic"]
    assert facts["level"] == {"name": "depth", "value": 0.5, "depth": 0.5, "of": 2} and facts["units"] == ["m s-1"] * 2
    assert facts["gaps"] == ["2002-01-04"] and facts["variables"] == ["uo", "vo"] and facts["step"] == "1 day"
    assert answer(main, PrepareConfig(tmp_path / "out", sea.folder, 4)) == 0
    assert capsys.readouterr().err.splitlines() == said  # nothing is made anew, and all is said again


def test_no_window_spans_a_gap_and_the_search_counts_the_same(sea, tmp_path, two_cpus):
    days = np.delete(np.arange(62.0), [13, 50])
    found = sea.dataset(days=days, latitude=np.arange(4), longitude=np.arange(4))
    found["vo"][30] = np.nan  # day 31
    sea.save(found)
    manifest = prepare(tmp_path / "out", files=sea.folder, size=4)
    kept = np.delete(days, 30)
    (tile,) = read_tiles(folder_of(tmp_path / "out", 4), manifest)
    assert tile.breaks == (13, 30, 48) and breaks_of(manifest) == {"atlantic/0/0": (13, 30, 48)}
    stream = data_set("ocean").read(folder_of(tmp_path / "out", 4), manifest).stream(DATA, 8)
    for split, mine in stream.windows.items():
        for _, start in mine:
            assert np.diff(kept[start : start + 4]).tolist() == [1, 1, 1], split
    # 59 frames are cut at 39 and 49; three windows would span each gap, but for that between two periods' frames
    assert {split: len(mine) for split, mine in stream.windows.items()} == {
        "train": 36 - 3 - 3, "validation": 7 - 1, "test": 7, "domain": 0,
    }  # fmt: skip
    counted = data_set("ocean").num_clips(DATA, manifest, False)
    assert counted == {split: stream.num_clips(split) for split in ("train", "validation", "test")}
    assert sum(len(batch.ids) for batch in stream.training(0, 1)) == 30


def test_a_manifest_that_does_not_say_what_was_read_is_refused_and_an_older_one_is_told(sea, tmp_path, capsys):
    sea.save(sea.dataset())
    prepare(tmp_path / "out", files=sea.folder, size=4)
    path = folder_of(tmp_path / "out", 4) / "manifest.json"
    content = json.loads(path.read_text())
    del content["crc32"], content["details"]["regions"]["atlantic"]["units"]
    path.write_text(json.dumps(content))
    assert answer(main, PrepareConfig(tmp_path / "out", sea.folder, 4)) == 2
    assert "manifest.json does not say what was read (KeyError('units')): delete" in capsys.readouterr().err
    content["details"] = {"regions": {"atlantic": {"frames": 6}}}
    path.write_text(json.dumps(content))
    assert answer(main, PrepareConfig(tmp_path / "out", sea.folder, 4)) == 0
    assert "is of an earlier version, which wrote no choices down" in capsys.readouterr().err
    content["details"]["choice"] = ["depth"]
    path.write_text(json.dumps(content))
    assert answer(main, PrepareConfig(tmp_path / "out", sea.folder, 4)) == 2
    assert "was prepared with what its manifest does not say, asked for is the level" in capsys.readouterr().err


def deep(sea):
    """The current at the surface, twice as fast at 100 m."""
    found = xr.concat([sea.dataset(), 2 * sea.dataset()], dim="depth").transpose("time", "depth", ...)
    return found.assign_coords(depth=("depth", [0.5, 100.0], {"units": "m", "positive": "down"}))


def test_a_choice_is_spelled_as_the_options_that_make_it():
    assert spelled({"depth": 100.0, "select": {"member": "0"}, "variables": ["u", "v"]}) == (
        "--depth 100 --select member=0 --variables u v"
    )
    assert spelled({}) == spelled(Choice().facts()) == "the level nearest the surface"
    assert spelled(["depth"]) == spelled({"select": 1}) == "what its manifest does not say"


def test_a_small_share_of_masked_places_has_one_digit():
    assert masked_at_times({"sometimes_masked": {"share": 0.0034, "most": "2002-01-01"}}).startswith("0.3 % counts as")
    assert masked_at_times({"sometimes_masked": {"share": 0.126, "most": "2002-01-01"}}).startswith("13 % counts as")
    assert masked_at_times({"sometimes_masked": None}) == masked_at_times({}) == ""
