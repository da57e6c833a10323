"""Bring ocean currents to disk as Parquet: ``python data/ocean/prepare.py --out DIR --files FILES``.

``FILES`` holds NetCDF files: one a region (Copernicus' uo and vo), or one a day (GlobCurrent's names). They become
tiles of ``--size`` pixels in ``DIR/tiles-SIZE``, the manifest last. A folder that is finished is left as it is.
"""

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path

from data.errors import DataError, DownloadError
from data.fields.schema import Tile, cut, write_tiles
from data.files import full_path, locked, room_in, sha256_of
from data.manifest import Manifest, standing_in
from data.ocean.netcdf import netcdf_files, read_regions
from data.progress import say
from data.terminal import options_of

DATASET = "ocean-currents"
MOST_LAND = 0.5
"""Tiles with a larger share of land are left out."""
LIBRARIES = ("pyarrow", "xarray", "h5netcdf", "scipy")


@dataclass(frozen=True)
class PrepareConfig:
    """Turn NetCDF files of surface currents into tiles as Parquet with a manifest."""

    out: Path
    """Folder for the prepared tiles."""
    files: Path
    """Folder with the NetCDF files."""
    size: int = 64
    """Height and width of a tile, pixels."""


def folder_of(out: Path | str, size: int) -> Path:
    """Where tiles of that size are in the folder ``out``."""
    return full_path(out) / f"tiles-{size}"


def prepare(out: Path | str, *, files: Path | str | None = None, size: int = 64) -> Manifest:
    """The manifest of the tiles in ``folder_of(out, size)``, which are made unless they are there.

    Raises :class:`DataError` with one clear line if that cannot be done; then nothing half-written is left.
    """
    folder = folder_of(out, size)
    with room_in(folder.parent), locked(folder.parent / ".lock", lambda: say(f"waiting for {folder.parent}")):
        standing = standing_in(folder, DATASET)
        if standing is not None:
            return standing
        if files is None:
            raise DownloadError(
                "ocean currents cannot be downloaded without an account: get GLOBAL_ANALYSIS_FORECAST_PHY_001_024 from "
                "https://data.marine.copernicus.eu, then give --files DIR with its NetCDF files"
            )
        source = full_path(files)
        paths = list(netcdf_files(source)) if source.is_dir() else []
        if not paths:
            raise DataError(f"{source} has no NetCDF file (.nc): give the folder that has them")
        return write(folder, paths, size, str(source))


def write(
    folder: Path, paths: list[Path], size: int, origin: str, dataset: str = DATASET, demo: bool = False
) -> Manifest:
    """Cut the regions in the files into tiles, and write them."""
    digests = {path.name: sha256_of(path) for path in paths}
    regions = read_regions(paths)
    tiles: list[Tile] = []
    facts = {}
    for region in regions:
        mine = cut(region.name, region.fields, size, region.land, MOST_LAND)
        tiles += mine
        facts[region.name] = {
            "frames": len(region.times), "pixels": list(region.land.shape), "land": float(region.land.mean()),
            "tiles": len(mine), "speed": float((region.fields**2).sum(axis=1).mean() ** 0.5),
        }  # fmt: skip
    if not tiles:
        raise DataError(f"every tile of {size} x {size} pixels is land for more than {MOST_LAND:.0%}")
    source = hashlib.sha256(" ".join(digests.values()).encode()).hexdigest()
    details = {"files": digests, "regions": facts, "most_land": MOST_LAND}
    return write_tiles(folder, tiles, dataset, demo, origin, source, LIBRARIES, details)


def main(config: PrepareConfig) -> int:
    """Prepare and say in one line what there is; 2 if the data cannot be used."""
    try:
        manifest = prepare(config.out, files=config.files, size=config.size)
    except (DataError, OSError) as error:
        say(f"error: {error}")
        return 2
    frames = sum(manifest.clips["tiles"].values())
    say(f"{folder_of(config.out, config.size)}: {manifest.dataset}, {manifest.num_clips} tiles, {frames} frames")
    return 0


if __name__ == "__main__":
    sys.exit(main(options_of(PrepareConfig)))
