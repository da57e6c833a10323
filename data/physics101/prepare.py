"""Turn the ramp's videos into Parquet clips: ``python data/physics101/prepare.py --out DIR --videos DIR``.

Without ``--videos`` the archive of Physics 101 is downloaded. The clips go to ``DIR/128px-step2`` (or the size and step
asked for), the manifest last. A folder that is finished and made from the same videos is verified and left as it is.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from data.errors import DataError, VideoError
from data.files import full_path, names_and_bytes
from data.manifest import Manifest, Remark
from data.physics101.decode import decode
from data.physics101.schema import SCHEMA, By, count_by_split, object_of
from data.physics101.source import DATASET, OFFICIAL, Source, from_folder, from_server
from data.preparing.folders import alone_in, dataset_of, ready_in, versions_of, write_folder
from data.preparing.frames import ClipRow, Frames, content_hash, fingerprint, write_clips
from data.terminal import answer, options_of, progress
from fernn.config import RampConfig

ROWS_PER_FILE = 64
WHOLE = 390
"""Videos of the whole data set that have 22 frames or more at every second frame."""
PUBLISHED_CLIPS = {"train": 281, "validation": 31, "test": 78}


@dataclass(frozen=True)
class PrepareConfig:
    """Turn the ramp's videos into Parquet clips with a manifest."""

    out: Path
    """Folder for the prepared clips; every size and step gets a folder of its own in it."""
    videos: Path | None = None
    """Folder with the unpacked archive, or its scenarios/ramp; without it the archive is downloaded."""
    size: int = 128
    """Height and width of the frames, in pixels."""
    step: int = 2
    """Every so many frames of the video one is kept."""


def folder_of(out: Path | str, data: Any) -> Path:
    """Where in the folder ``out`` the clips of the config's size and step are."""
    return full_path(out) / f"{data.size}px-step{data.frame_step}"


def prepare(out: Path | str, data: Any, videos: Path | str | None = None) -> Manifest:
    """The manifest of the clips in ``folder_of(out, data)``, which are made unless they are there.

    Raises :class:`DataError` with one clear line if that cannot be done; then nothing half-written is left.
    """
    folder, videos = folder_of(out, data), full_path(videos) if videos else None
    with alone_in(folder.parent):
        ready = ready_in(folder, dataset_of(DATASET, videos))
        if ready and videos is None and ready.origin == OFFICIAL:
            return ready
        source = from_folder(videos) if videos else from_server(OFFICIAL, folder.parent / "raw")
        fingerprint = names_and_bytes([source.dataset, *source.videos], source.videos.values())
        if ready and ready.source_sha256 == fingerprint:
            return ready
        return write_folder(folder, lambda temporary: _fill(temporary, source, data, fingerprint))


def long_enough(lengths: Mapping[str, int], num_frames: int) -> list[str]:
    """The names of the clips with so many frames."""
    return [name for name, length in lengths.items() if length >= num_frames]


def main(config: PrepareConfig) -> str:
    """Prepare; what there is, in one line."""
    data = RampConfig(size=config.size, frame_step=config.step)
    manifest = prepare(config.out, data, config.videos)
    marks = "; partial" if manifest.partial else ""
    return f"{folder_of(config.out, data)}: {manifest.dataset}, {manifest.num_clips} clips{marks}"


def _fill(folder: Path, source: Source, data: Any, fingerprint: str) -> Manifest:
    skipped: list[Remark] = []
    files, rows = write_clips(folder, SCHEMA, _decoded(source, data, skipped), ROWS_PER_FILE)
    lengths = {row["id"]: row["num_frames"] for row in rows}
    usable = long_enough(lengths, RampConfig.num_frames)
    if not usable:
        first = skipped[0].reason if skipped else f"all videos have fewer than {RampConfig.num_frames} frames"
        raise DataError(f"no video gives a clip: {first}")
    is_demo = source.dataset != DATASET
    lacking = WHOLE - len(usable) if not is_demo and data.frame_step == RampConfig.frame_step else 0
    missing = (f"{lacking} of {WHOLE} videos",) if lacking > 0 else ()
    return Manifest(
        dataset=source.dataset,
        demo=is_demo,
        size=data.size,
        origin=source.origin,
        source_sha256=fingerprint,
        missing=missing,
        skipped=tuple(skipped),
        clips={by: count_by_split(usable, by) for by in get_args(By)},
        files=tuple(files),
        versions=versions_of(("av", "numpy", "pyarrow", "ray", "torch")),
        hash=content_hash(f"{source.dataset} {data.size} {data.frame_step}", rows, ("id", "sha256")),
        details={"frame_step": data.frame_step, "lengths": lengths},
    )


def _decoded(source: Source, data: Any, skipped: list[Remark]) -> Iterator[ClipRow]:
    """Every video as a row, in order; one that cannot be decoded is remarked on."""

    def frames_of(path: Path) -> Frames | VideoError:
        try:
            return decode(path, data.size, data.frame_step)
        except VideoError as error:
            return error

    with (
        progress("decoding", len(source.videos), "videos") as advance,
        ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool,
    ):
        for name, frames in zip(source.videos, pool.map(frames_of, source.videos.values()), strict=True):
            advance(1)
            if isinstance(frames, VideoError):
                skipped.append(Remark(name, str(frames)))
                continue
            facts = {"id": name, "object": object_of(name), "num_frames": len(frames)}
            yield {**facts, "frames": frames, "sha256": fingerprint(frames)}


if __name__ == "__main__":
    sys.exit(answer(main, options_of(PrepareConfig)))
