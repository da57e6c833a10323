"""Places that are masked at some times alone count as land, which is said."""

import numpy as np
import pytest

from data.manifest import Manifest
from data.ocean.prepare import PrepareConfig, folder_of, main
from data.ocean.regions import read_regions


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
    assert main(PrepareConfig(tmp_path / "out", sea.folder, 4)) == 0
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
    assert main(PrepareConfig(tmp_path / "out", sea.folder, 12)) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert (
        f"{sea.folder}: every tile of 12 x 12 pixels is land for more than 50%; atlantic: 93 % counts as land" in said
    )
    assert "because it is masked on some days (most on 2002-01-05): leave those days out" in said
    assert not folder_of(tmp_path / "out", 12).exists()
