"""Tiles of velocity fields as they stand on disk, and how they are written there with a manifest."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data.errors import DataError, ManifestError
from data.manifest import Manifest
from data.preparing.folders import versions_of, write_folder
from data.preparing.parquet import columns, read_table, write_file

Frames = NDArray[np.float32]
SCHEMA = columns(
    tile=pa.string(), num_frames=pa.int32(), size=pa.int32(), land=pa.float32(), frames=pa.large_binary(),
    sha256=pa.string(),
)  # fmt: skip
"""One row a tile: its name "region/row/column", the share of its pixels that are no water, and its velocities as
float32 in the order (frame, component, row, column): u to the right, v up, then the temperature where the data has
one; the first row on top."""
FILE = "tiles.parquet"
TILES, BREAKS = "tiles", "breaks"
MOST_LAND = 0.5
"""Tiles with a larger share of land are left out."""


@dataclass(frozen=True)
class Tile:
    """Frames (t, c, size, size) of a square of a region, (u, v) or (u, v, T)."""

    name: str
    frames: Frames
    land: float = 0.0
    breaks: tuple[int, ...] = ()
    """Frames that do not follow the one before: a gap in time lies between, which no window spans."""


def write_tiles(folder: Path, tiles: Sequence[Tile], libraries: Sequence[str], **facts: Any) -> Manifest:
    """Write all tiles and the manifest, which has the ``facts`` besides, the folder whole or not at all."""
    breaks = {tile.name: list(tile.breaks) for tile in tiles if tile.breaks}
    facts["details"] = {**facts["details"], BREAKS: breaks} if breaks else facts["details"]

    def fill(temporary: Path) -> Manifest:
        file = write_file(temporary / FILE, SCHEMA, map(_table, tiles))
        clips = {TILES: {tile.name: len(tile.frames) for tile in tiles}}
        size, versions = tiles[0].frames.shape[-1], versions_of(("numpy", *libraries))
        content = content_hash(facts["dataset"], tiles)
        return Manifest(size=size, clips=clips, files=(file,), versions=versions, hash=content, **facts)

    return write_folder(folder, fill)


def read_tiles(folder: Path, manifest: Manifest) -> list[Tile]:
    """The tiles of a prepared folder."""
    tiles, breaks = [], breaks_of(manifest)
    for row in read_table(manifest.paths(folder)).to_pylist():
        values, num_values = np.frombuffer(row["frames"], "<f4"), row["num_frames"] * row["size"] ** 2
        if values.size not in (2 * num_values, 3 * num_values):
            components = "for 2 components or half as much again for 3"
            raise DataError(f"tile {row['tile']} holds {values.size} values instead of {2 * num_values} {components}")
        frames = values.reshape(row["num_frames"], -1, row["size"], row["size"])
        tiles.append(Tile(row["tile"], frames, row["land"], breaks.get(row["tile"], ())))
    return tiles


def breaks_of(manifest: Manifest) -> dict[str, tuple[int, ...]]:
    """The breaks of each tile that has some; raises ManifestError where they are no frames."""
    given = manifest.details.get(BREAKS, {})
    lists = list(given.values()) if isinstance(given, dict) else [None]
    if not all(isinstance(frames, list) and all(type(n) is int and n > 0 for n in frames) for frames in lists):
        raise ManifestError(f"breaks in the manifest must be frames by tile, got {given!r:.80}")
    return {name: tuple(frames) for name, frames in given.items()}


def content_hash(dataset: str, tiles: Sequence[Tile]) -> str:
    """A hash of what the tiles are, whatever the machine, the time and the layout of the file."""
    digest = hashlib.sha256(f"{dataset}\n".encode())
    for tile in tiles:
        gaps = f" {tile.breaks}" if tile.breaks else ""
        digest.update(f"{tile.name} {tile.frames.shape} {tile.land:.6f} {_sha256(tile)}{gaps}\n".encode())
    return digest.hexdigest()


def cut(
    region: str, fields: Frames, size: int, land: NDArray[np.bool_] | None = None, breaks: tuple[int, ...] = ()
) -> list[Tile]:
    """The tiles of a region's fields (t, c, h, w), without those that are mostly land; the rest is cut off evenly.

    Raises DataError where the region is smaller than a tile.
    """
    height, width = fields.shape[-2:]
    if min(height, width) < size:
        raise DataError(f"{region} has {height} x {width} pixels, less than a tile of {size}: lower data.size")
    top, left = (height % size) // 2, (width % size) // 2
    tiles = []
    for row, column in product(range(height // size), range(width // size)):
        place = np.s_[top + row * size : top + (row + 1) * size, left + column * size : left + (column + 1) * size]
        share = 0.0 if land is None else float(land[place].mean())
        if share <= MOST_LAND:
            frames = np.ascontiguousarray(fields[(..., *place)], dtype=np.float32)
            tiles.append(Tile(f"{region}/{row}/{column}", frames, share, breaks))
    return tiles


def _sha256(tile: Tile) -> str:
    return hashlib.sha256(np.ascontiguousarray(tile.frames, "<f4").data).hexdigest()


def _table(tile: Tile) -> pa.Table:
    row = {
        "tile": tile.name, "num_frames": len(tile.frames), "size": tile.frames.shape[-1], "land": tile.land,
        "frames": np.ascontiguousarray(tile.frames, "<f4").tobytes(), "sha256": _sha256(tile),
    }  # fmt: skip
    return pa.Table.from_pylist([row], schema=SCHEMA)
