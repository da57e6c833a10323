"""Tiles as they stand on disk: cut evenly, written whole, and read again."""

import json

import numpy as np
import pyarrow as pa
import pytest

from data.errors import DataError, ManifestError
from data.fields.schema import SCHEMA, Tile, content_hash, cut, read_tiles, write_tiles
from data.manifest import Manifest
from data.preparing.parquet import write_file

FACTS = {"dataset": "x", "demo": False, "origin": "o", "source_sha256": "0"}


def test_gaps_are_part_of_what_tiles_are_and_tampered_ones_are_refused(tmp_path):
    frames = np.zeros((5, 2, 4, 4), np.float32)
    plain, broken = content_hash("x", [Tile("a/0/0", frames)]), content_hash("x", [Tile("a/0/0", frames, breaks=(3,))])
    assert plain == content_hash("x", [Tile("a/0/0", frames, 0.0, ())]) != broken
    manifest = write_tiles(tmp_path / "tiles", [Tile("a/0/0", frames)], ("pyarrow",), **FACTS, details={})
    assert manifest.hash == plain and "breaks" not in manifest.details
    path = tmp_path / "tiles/manifest.json"
    content = json.loads(path.read_text())
    del content["crc32"]  # as an earlier version wrote it
    for wrong in ([3], {"a/0/0": 3}, {"a/0/0": ["3"]}, {"a/0/0": [-1]}, {"a/0/0": [True]}):
        content["details"]["breaks"] = wrong
        path.write_text(json.dumps(content))
        with pytest.raises(ManifestError, match="breaks in the manifest must be frames by tile"):
            read_tiles(path.parent, Manifest.read(path.parent))


def test_tiles_are_cut_from_the_middle_and_land_is_left_out():
    fields = np.arange(2 * 2 * 5 * 9, dtype=np.float64).reshape(2, 2, 5, 9)
    land = np.zeros((5, 9), bool)
    land[:3, :3] = True
    tiles = cut("atl", fields, 2, land, breaks=(1,))
    assert [tile.name for tile in tiles] == ["atl/0/1", "atl/0/2", "atl/0/3"] + [
        f"atl/1/{column}" for column in range(4)
    ]
    assert np.array_equal(tiles[0].frames, fields[:, :, :2, 2:4]) and tiles[0].frames.dtype == np.float32
    assert [tile.land for tile in tiles] == [0.5, 0, 0, 0.5, 0.25, 0, 0] and {tile.breaks for tile in tiles} == {(1,)}
    with pytest.raises(DataError, match="atl has 5 x 9 pixels, less than a tile of 6: lower data.size"):
        cut("atl", fields, 6)


def test_written_tiles_are_read_as_they_were_and_a_row_of_another_size_is_refused(tmp_path):
    values = np.random.default_rng(0).standard_normal((3, 2, 4, 4)).astype(np.float32)
    tiles = [Tile("a/0/0", values, 0.25, (2,)), Tile("a/0/1", -values)]
    manifest = write_tiles(tmp_path / "tiles", tiles, ("pyarrow",), **FACTS, details={"own": 1})
    assert Manifest.read(tmp_path / "tiles") == manifest and manifest.details == {"own": 1, "breaks": {"a/0/0": [2]}}
    assert manifest.clips == {"tiles": {"a/0/0": 3, "a/0/1": 3}} and manifest.size == 4
    for read, tile in zip(read_tiles(tmp_path / "tiles", manifest), tiles, strict=True):
        assert (read.name, read.land, read.breaks) == (tile.name, tile.land, tile.breaks)
        assert np.array_equal(read.frames, tile.frames)
    row = {"tile": "a/0/0", "num_frames": 3, "size": 4, "land": 0.0, "frames": b"0" * 12, "sha256": ""}
    write_file(tmp_path / "tiles/tiles.parquet", SCHEMA, [pa.Table.from_pylist([row], schema=SCHEMA)])
    with pytest.raises(DataError, match="tile a/0/0 holds 3 values instead of 96"):
        read_tiles(tmp_path / "tiles", manifest)
