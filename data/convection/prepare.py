"""Bring convection to disk as Parquet: ``python data/convection/prepare.py --out DIR --files rbc_data.pt``.

The published fields become squares of ``--size`` pixels in ``DIR/squares-SIZE``, the manifest last. Without
``--files`` fields are solved for (``--rayleigh`` and more), in ``DIR/made-SIZE-DIGEST``. A folder that is finished
is left as it is.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.convection import made
from data.convection.arrays import ENDINGS
from data.convection.published import PUBLISHED, READINGS, ReadingName, read_published
from data.errors import DataError, DownloadError
from data.fields.schema import cut, write_tiles
from data.files import full_path, sha256_of
from data.manifest import Manifest
from data.preparing.folders import ready_or_made
from data.terminal import answer, options_of, say
from fernn.config import MadeConvectionConfig

DATASET, REGION = "convection", "rbc"
NAME = "rbc_data.pt"
SOURCE = "https://github.com/Rose-STL-Lab/Equivariant-Net"
"""Whose README says where the file is."""
LIBRARIES = ("pyarrow", "torch")
SOLVED = MadeConvectionConfig()


@dataclass(frozen=True)
class PrepareConfig:
    """Turn the published fields, or fields that are solved for, into squares as Parquet with a manifest."""

    out: Path
    """Folder for the prepared squares."""
    files: Path | None = None
    """The published rbc_data.pt (or .npy, .npz, .safetensors, .zip) or its folder; without it fields are solved for."""
    size: int = 64
    """Height and width of a square, pixels."""
    rayleigh: float = SOLVED.rayleigh
    """Without --files: Ra, how strongly the layer is heated; 1,708 is where convection begins."""
    prandtl: float = SOLVED.prandtl
    """Without --files: Pr, viscosity over thermal diffusivity; 0.71 is air's."""
    squares: int = SOLVED.squares
    """Without --files: squares side by side."""
    num_fields: int = SOLVED.num_fields
    """Without --files: frames that are solved for."""
    interval: float = SOLVED.interval
    """Without --files: free-fall times between two frames."""
    warm_up: float = SOLVED.warm_up
    """Without --files: free-fall times in which convection develops, whole intervals; the first frame is one later."""
    refinement: int = SOLVED.refinement
    """Without --files: cells of the solver's grid along each side of a pixel."""
    reading: ReadingName | None = None
    """Order of components and rows in the file; without it the one with the least divergence, which must be small."""
    component_axis: int | None = None
    """Axis of the file's array along which the two components stand, from 0; without it the only one of size 2."""


def folder_of(out: Path | str, size: int) -> Path:
    """Where squares of that size are in the folder ``out``."""
    return full_path(out) / f"squares-{size}"


def prepare(
    out: Path | str, *, files: Path | str | None = None, size: int = 64, reading: ReadingName | None = None,
    component_axis: int | None = None,
) -> Manifest:  # fmt: skip
    """The manifest of the published fields in ``folder_of(out, size)``, which are read unless they are there.

    Raises :class:`DataError` with one clear line if that cannot be done, or if the squares there were read from
    another file or in another way; then nothing half-written is left.
    """
    if size < 1:
        raise DataError(f"data.size must be 1 or more, got {size}")
    folder = folder_of(out, size)

    def make() -> Manifest:
        path = _path(files)
        scratch = folder.with_name(f".{folder.name}.unpacked")
        frames, facts = read_published(path, size, reading, component_axis=component_axis, scratch=scratch)
        _say_form(path, facts)
        tiles = cut(REGION, frames, size)
        origin = {"origin": str(path), "source_sha256": sha256_of(path)}
        return write_tiles(folder, tiles, LIBRARIES, dataset=DATASET, demo=False, details=facts, **origin)

    def check(ready: Manifest) -> None:
        _require_reading(folder, ready.details, reading, component_axis)
        require_same(folder, ready, files)

    return ready_or_made(folder, DATASET, make, check)


def _say_form(path: Path, facts: Mapping[str, Any]) -> None:
    """Say how a file was read that is not the published one."""
    shape = tuple(facts["shape"])
    if facts["layout"] != f"components along axis 1 of {shape}":
        say(f"{path}: {facts['layout']}")
    if shape != PUBLISHED:
        say(f"{path}: {shape[0]} frames of {shape[2]} x {shape[3]} pixels, the published file has 2000 of 256 x 1792")


def _require_reading(folder: Path, facts: Mapping[str, Any], reading: ReadingName | None, axis: int | None) -> None:
    """Raise DataError where the squares in ``folder`` were read in another way than is asked for."""
    if reading is not None and (facts.get("components_swapped"), facts.get("rows_turned")) != READINGS[reading]:
        raise DataError(f"{folder} was read in another way than {reading}: choose another output folder")
    layout = str(facts.get("layout", "components along axis 1 of"))
    if axis is not None and f"components along axis {axis} of" not in layout:
        raise DataError(f"{folder} was read with {layout}, not {axis}: choose another output folder")


def require_same(folder: Path, manifest: Manifest, files: Path | str | None) -> None:
    """Raise DataError where ``files`` is another file than the one that the squares in ``folder`` are made of."""
    if files is not None and sha256_of(path := _path(files)) != manifest.source_sha256:
        raise DataError(
            f"{folder} is not made of {path}, which has other content than {manifest.origin} had: give another folder "
            "(--out, --data of a search), or drop --files"
        )


def _path(files: Path | str | None) -> Path:
    """The file that is given, or the published one in a folder, or the only one of its name in another form."""
    if files is None:
        raise DownloadError(
            f"{NAME} is not downloaded (7 GB): get it from where {SOURCE} says, then give --files DIR with it; or "
            "solve for fields of your own with --set data.name=made-convection"
        )
    path = full_path(files)
    if path.is_dir():
        forms = sorted(form for form in path.glob(f"{Path(NAME).stem}.*") if form.suffix.lower() in ENDINGS)
        if len(forms) > 1 and path / NAME not in forms:
            raise DataError(f"{path} has {', '.join(form.name for form in forms)}: give the one that is meant")
        path = path / NAME if path / NAME in forms or not forms else forms[0]
    if not path.exists():
        raise DataError(f"{path} is not there: give {NAME}, or the folder that has it")
    return path


def main(config: PrepareConfig) -> str:
    """Prepare; what there is, in one line."""
    _require_used(config)
    if config.files is None:
        data = SOLVED.override({name: getattr(config, name) for name in made.DECIDING})
        folder, manifest = made.folder_of(config.out, data), made.prepare(config.out, data)
    else:
        options = {name: getattr(config, name) for name in ("files", "size", "reading", "component_axis")}
        folder, manifest = folder_of(config.out, config.size), prepare(config.out, **options)
    frames = sum(manifest.clips["tiles"].values())
    return f"{folder}: {manifest.dataset}, {manifest.num_clips} squares, {frames} frames"


def _require_used(config: PrepareConfig) -> None:
    """Raise ValueError for an option that would have no effect."""
    for name in ("reading", "component_axis"):
        if config.files is None and getattr(config, name) is not None:
            raise ValueError(f"--{name.replace('_', '-')} is of a file: give --files with it, or leave it out")
    for name in made.DECIDING if config.files is not None else ():
        if name != "size" and getattr(config, name) != getattr(SOLVED, name):
            raise ValueError(f"--{name.replace('_', '-')} is of fields solved for: leave it or --files out")


if __name__ == "__main__":
    sys.exit(answer(main, options_of(PrepareConfig)))
