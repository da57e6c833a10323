"""Turn KTH's videos into Parquet clips: ``python data/kth/prepare.py --out DIR``.

Without ``--videos`` the annotation and six archives (1.15 GB) are downloaded from the official server.
The clips go to ``DIR/32px`` (or the size asked for), its manifest last. A folder that is finished and
made from the same videos is verified and left as it is.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from data.errors import DataError
from data.files import full_path, names_and_bytes, sha256_of
from data.kth.annotations import ACTIONS, MIN_FRAMES, read_annotation
from data.kth.clips import Cut, decoded
from data.kth.decode import GREY
from data.kth.schema import HASHED, SCHEMA, count_by_split
from data.kth.source import DATASET, OFFICIAL, Source, from_folder, from_server
from data.manifest import Manifest
from data.preparing.folders import alone_in, dataset_of, ready_in, versions_of, write_folder
from data.preparing.frames import content_hash, write_clips
from data.terminal import answer, options_of

ROWS_PER_FILE = 256
ENCODING = {"frames.data.list.element": "BYTE_STREAM_SPLIT"}
"""Parquet has no 8-bit integers; with the bytes split, the three empty ones of every pixel cost nothing."""
MOST_NAMED = 3
"""How many of the entries that are skipped or cut the last line names; the manifest names all."""


@dataclass(frozen=True)
class PrepareConfig:
    """Turn KTH's videos into Parquet clips with a manifest."""

    out: Path
    """Folder for the prepared clips; every size gets a folder of its own in it."""
    videos: Path | None = None
    """Folder with the AVI files and 00sequences.txt; without it they are downloaded."""
    size: int = 32
    """Height and width of the frames, in pixels."""
    url: str = OFFICIAL
    """Address of 00sequences.txt and the six archives: the official server or a mirror."""
    raw: Path | None = None
    """Folder for what is downloaded and extracted; by default raw/ in the output folder."""


def prepare(config: PrepareConfig) -> Manifest:
    """The manifest of the clips in ``folder_of(out, size)``, which are built unless they are there.

    Raises :class:`DataError` with one clear line if that cannot be done; then nothing half-written is
    left. A second process that asks for the same ``out`` waits for the first.
    """
    if config.size < 1:
        raise DataError(f"size must be 1 or more pixels, got {config.size}")
    out, url = full_path(config.out), config.url.rstrip("/") + "/"
    raw, videos = (full_path(path) if path else None for path in (config.raw, config.videos))
    folder, raw = folder_of(out, config.size), raw or out / "raw"
    with alone_in(out):
        ready = ready_in(folder, dataset_of(DATASET, videos))
        if ready and videos is None and ready.origin == url and not ready.partial:
            return ready
        source = from_folder(videos, url=url, raw=raw) if videos else from_server(url, raw=raw)
        fingerprint = names_and_bytes([source.dataset, *source.videos], [source.annotation, *source.videos.values()])
        if ready and ready.source_sha256 == fingerprint:
            return ready
        return write_folder(folder, lambda temporary: _fill(temporary, source, config.size, fingerprint))


def folder_of(out: Path | str, size: int) -> Path:
    """Where the clips of ``size`` pixels are in the folder ``out``."""
    return full_path(out) / f"{size}px"


def _fill(folder: Path, source: Source, size: int, fingerprint: str) -> Manifest:
    annotated = [video for video in read_annotation(source.annotation) if video.ranges]
    videos = [video for video in annotated if video.name in source.videos]
    if not videos:
        others = [f"{remark.name} {remark.reason}" for remark in source.encoded_again.values()]
        instead = others[0] if others else f"give the folder with {ACTIONS[0]}.zip and the other five unpacked"
        raise DataError(f"none of the {len(annotated)} videos that {source.annotation} names is there: {instead}")
    cut = Cut([source.encoded_again[video.name] for video in annotated if video.name in source.encoded_again])
    frames = decoded(videos, source.videos, size)
    clips = (clip for video, images, error in frames for clip in cut.clips(video, images, error))
    files, rows = write_clips(folder, SCHEMA, clips, ROWS_PER_FILE, column_encoding=ENCODING)
    if not rows:
        first = cut.skipped[0].reason if cut.skipped else f"all ranges have fewer than {MIN_FRAMES} frames"
        raise DataError(f"no video gives a clip: {first}")
    return Manifest(
        dataset=source.dataset,
        demo=source.dataset != DATASET,
        size=size,
        origin=source.origin,
        source_sha256=fingerprint,
        missing=tuple(video.name for video in annotated if video.name not in source.videos | source.encoded_again),
        skipped=tuple(cut.skipped),
        clips=count_by_split(row["person"] for row in rows),
        files=tuple(files),
        versions=versions_of(("av", "numpy", "opencv-python-headless", "pyarrow", "ray")),
        hash=content_hash(f"{source.dataset} {size}", rows, HASHED),
        details={
            "grey": GREY,
            "annotation_sha256": sha256_of(source.annotation),
            "num_videos_annotated": len(annotated),
            "num_videos": len(videos),
            "clipped": {entry.name: entry.reason for entry in cut.clipped},
            "short": cut.short,
            "archives": source.archives,
        },
    )


def main(config: PrepareConfig) -> str:
    """Prepare; what there is, in one line."""
    manifest, folder = prepare(config), folder_of(config.out, config.size)
    videos = f"{manifest.details['num_videos']} of {manifest.details['num_videos_annotated']} videos"
    text = f"{folder}: {manifest.dataset}, {manifest.num_clips} clips of {videos}"
    if manifest.partial:
        text += f"; partial: {len(manifest.missing)} videos missing, {len(manifest.skipped)} entries skipped"
        text += "".join(f"; {entry.name}: {entry.reason}" for entry in manifest.skipped[:MOST_NAMED])
    if clipped := manifest.details["clipped"]:
        text += f"; {len(clipped)} ranges cut where their video ends: {', '.join(list(clipped)[:MOST_NAMED])}"
        text += " and more" if len(clipped) > MOST_NAMED else ""
    return text


if __name__ == "__main__":
    sys.exit(answer(main, options_of(PrepareConfig)))
