"""Bring ocean currents to disk as Parquet: ``python data/ocean/prepare.py --out DIR --files FILES``.

``FILES`` holds NetCDF files by the CF conventions: one a region, one a day, u and v in one or in files of their own.
They become tiles of ``--size`` pixels in ``DIR/tiles-SIZE``, the manifest last. A folder that is finished is left as it
is. Of several levels the one nearest the surface is read, or nearest to ``--depth``.
"""

import hashlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from data.errors import DataError, DownloadError, ManifestError
from data.fields.schema import MOST_LAND, Tile, cut, write_tiles
from data.files import full_path, sha256_of
from data.manifest import MANIFEST, Manifest
from data.ocean.account import lines_of, masked_at_times, spelled
from data.ocean.levels import NEAREST, Choice
from data.ocean.opening import netcdf_files
from data.ocean.regions import read_regions
from data.preparing.folders import ready_or_made
from data.terminal import answer, options_of, say

Quantities = Literal["currents", "currents-and-temperature"]
DATASET = "ocean-currents"
LIBRARIES = ("pyarrow", "xarray", "cf-xarray", "cftime", "h5netcdf", "scipy")


@dataclass(frozen=True)
class PrepareConfig:
    """Turn NetCDF files of surface currents into tiles as Parquet with a manifest."""

    out: Path
    """Folder for the prepared tiles."""
    files: Path
    """Folder with the NetCDF files, or one of them."""
    size: int = 64
    """Height and width of a tile, pixels."""
    depth: Annotated[float | None, tyro.conf.arg(metavar="METRES")] = None
    """Read the level nearest to this depth; without it the level nearest the surface."""
    select: Annotated[tyro.conf.UseAppendAction[tuple[str, ...]], tyro.conf.arg(metavar="DIMENSION=VALUE")] = ()
    """What to read along a dimension that is neither place, level nor time, as in member=0."""
    variables: Annotated[tuple[str, str] | None, tyro.conf.arg(metavar="U V")] = None
    """The variables of u and v; without it they are found by standard name, then by common names."""
    quantities: Quantities = "currents"
    """Whether temperatures are read beside the currents, of the same places, times and level."""
    temperature: Annotated[str, tyro.conf.arg(metavar="NAME")] = ""
    """The variable of the temperature; without it it is found by standard name, then by common names."""


def folder_of(out: Path | str, size: int, quantities: Quantities = "currents") -> Path:
    """Where tiles of that size and those quantities are in the folder ``out``."""
    return full_path(out) / f"tiles-{size}{'' if quantities == 'currents' else '-temperature'}"


def prepare(out: Path | str, *, files: Path | str | None = None, size: int = 64, choice: Choice = NEAREST) -> Manifest:
    """The manifest of the tiles in :func:`folder_of`, which are made unless they are there.

    Raises :class:`DataError` with one clear line if that cannot be done, or if the tiles there were made by another
    choice or of other files; then nothing half-written is left. Says what was chosen in the files.
    """
    if size < 1:
        raise DataError(f"data.size must be 1 or more, got {size}")
    folder = folder_of(out, size, "currents" if choice.temperature is None else "currents-and-temperature")

    def make() -> Manifest:
        if files is None:
            raise DownloadError(
                "ocean currents cannot be downloaded without an account: get GLOBAL_ANALYSIS_FORECAST_PHY_001_024 from "
                "https://data.marine.copernicus.eu, then give --files DIR with its NetCDF files"
            )
        source = full_path(files)
        return write(folder, netcdf_files(source), size, str(source), choice=choice)

    def check(ready: Manifest) -> None:
        made = ready.details.get("choice", NEAREST.facts())
        if (files is not None or not choice.is_default) and made != choice.facts():
            choices = f"{spelled(made)}, asked for is {spelled(choice.facts())}"
            raise DataError(f"{folder} was prepared with {choices}: choose another output folder")
        require_same(folder, ready, files)
        if "choice" not in ready.details:
            say(f"{folder} is of an earlier version, which wrote no choices down: delete it to make it again")

    return _told(folder, ready_or_made(folder, DATASET, make, check))


def require_same(folder: Path, manifest: Manifest, files: Path | str | None) -> None:
    """Raise DataError where ``files`` has other content, or other names, than the tiles in ``folder`` are made of."""
    if files is None:
        return
    source = full_path(files)
    given = {_inside(path, str(source)): path for path in netcdf_files(source)}
    held = manifest.details.get("files")
    if not isinstance(held, dict):
        say(f"{folder} does not say which files it is made of, these may be others: delete it to make it again")
        return
    differing = sorted(set(given) ^ set(held))
    differing = differing or [name for name, path in given.items() if sha256_of(path) != held[name]]
    if differing:
        name = differing[0]
        reason = "is not there" if name not in given else "has other content" if name in held else "is not part of it"
        raise DataError(
            f"{folder} is not made of what {source} has, {name} {reason}: give another folder (--out, --data of a "
            "search), or drop --files"
        )


def _told(folder: Path, manifest: Manifest) -> Manifest:
    try:
        lines = list(lines_of(manifest.details))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ManifestError(
            f"{folder / MANIFEST} does not say what was read ({error!r}): delete {folder} to make it again"
        ) from error
    for line in lines:
        say(line)
    return manifest


def write(
    folder: Path, paths: list[Path], size: int, origin: str, dataset: str = DATASET, choice: Choice = NEAREST
) -> Manifest:
    """Cut the regions in the files into tiles, and write them; any other data set than the ocean's is a demo."""
    digests = {_inside(path, origin): sha256_of(path) for path in paths}
    tiles: list[Tile] = []
    facts = {}
    for region in read_regions(paths, choice):
        squares = cut(region.name, region.fields, size, region.land, region.breaks)
        tiles += squares
        facts[region.name] = {
            "frames": len(region.fields), "pixels": list(region.land.shape), "land": float(region.land.mean()),
            "tiles": len(squares), "speed": float((region.fields[:, :2] ** 2).sum(axis=1).mean() ** 0.5),
            **region.facts,
        }  # fmt: skip
    if not tiles:
        raise DataError(_all_land(origin, size, facts))
    details = {"files": digests, "regions": facts, "most_land": MOST_LAND, "choice": choice.facts()}
    source = hashlib.sha256(" ".join(digests.values()).encode()).hexdigest()
    identity = {"dataset": dataset, "demo": dataset != DATASET, "origin": origin, "source_sha256": source}
    return write_tiles(folder, tiles, LIBRARIES, details=details, **identity)


def _all_land(origin: str, size: int, regions: Mapping[str, Mapping[str, Any]]) -> str:
    reason = "".join(f"; {name}: {words}" for name, facts in regions.items() if (words := masked_at_times(facts)))
    way = "leave those days out, or lower data.size" if reason else "lower data.size"
    return f"{origin}: every tile of {size} x {size} pixels is land for more than {MOST_LAND:.0%}{reason}: {way}"


def _inside(path: Path, origin: str) -> str:
    """The file's name, with the folders below the one that was given."""
    return path.relative_to(origin).as_posix() if path.is_relative_to(origin) and path != Path(origin) else path.name


def main(config: PrepareConfig) -> str:
    """Prepare; what there is, in one line."""
    if config.temperature and config.quantities == "currents":
        raise DataError("--temperature names a variable that is not read: give --quantities currents-and-temperature")
    temperature = None if config.quantities == "currents" else config.temperature
    choice = Choice(config.depth, selection(config.select), config.variables, temperature)
    manifest = prepare(config.out, files=config.files, size=config.size, choice=choice)
    frames = sum(manifest.clips["tiles"].values())
    folder = folder_of(config.out, config.size, config.quantities)
    return f"{folder}: {manifest.dataset}, {manifest.num_clips} tiles, {frames} frames"


def selection(given: Sequence[str]) -> dict[str, str]:
    """Values by dimension of options as ``member=0``; raises DataError for one of another form."""
    values: dict[str, str] = {}
    for option in given:
        name, _, value = (part.strip() for part in option.partition("="))
        if not (name and value) or name in values:
            raise DataError(f"--select must be DIMENSION=VALUE, each dimension once, got {option!r}")
        values[name] = value
    return values


if __name__ == "__main__":
    sys.exit(answer(main, options_of(PrepareConfig)))
