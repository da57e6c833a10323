"""Videos to clips: decoded in parallel by Ray Data, cut in the annotation's order, written as Parquet."""

import contextlib
import functools
import itertools
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import ray
import ray.data

from data.errors import VideoError
from data.kth.annotations import MIN_FRAMES, Range, Video
from data.kth.decode import decode
from data.kth.schema import SCHEMA, ClipRow, clip_table
from data.manifest import DataFile, Remark
from data.preparing.frames import Frames, fingerprint
from data.preparing.parquet import write_file

VIDEOS_PER_TASK = 16
"""A task costs as much as some hundred frames: with 4 videos a task a third of the rate is lost."""

ROWS_PER_FILE = 256

_ENCODING = {"frames.data.list.element": "BYTE_STREAM_SPLIT"}
"""Parquet has no 8-bit integers; with the bytes split, the three empty ones of every pixel cost nothing."""


@dataclass
class Cut:
    """What became of the annotated ranges while videos were cut into clips."""

    skipped: list[Remark] = field(default_factory=list)
    clipped: list[Remark] = field(default_factory=list)
    short: list[str] = field(default_factory=list)

    def clips(self, video: Video, frames: Frames | None, error: str) -> Iterator[ClipRow]:
        """The clips of one decoded video; without ``frames`` it is skipped for ``error``."""
        if frames is None:
            self.skipped.append(Remark(video.name, error))
            return
        for part in video.ranges:
            if not part.is_clip:
                self.short.append(part.id)
            elif (last := self._last(part, len(frames))) is not None:
                yield _row(video, part, last, frames)

    def _last(self, part: Range, num_frames: int) -> int | None:
        """The last frame of ``part`` that the video has, or None if too few are left."""
        if part.last < num_frames:
            return part.last
        reason = f"annotated to frame {part.last + 1} of a video of {num_frames}"
        if num_frames - part.first < MIN_FRAMES:
            self.skipped.append(Remark(part.id, f"{reason}: fewer than {MIN_FRAMES} frames are left"))
            return None
        self.clipped.append(Remark(part.id, reason))
        return num_frames - 1


def decoded(
    videos: Sequence[Video], paths: Mapping[str, Path], size: int
) -> Iterator[tuple[Video, Frames | None, str]]:
    """Every video with its frames, or with None and the reason; in order, decoded on all free cores."""
    items = [{"path": str(paths[video.name])} for video in videos]
    with _ray():
        dataset = ray.data.from_items(items, override_num_blocks=_num_tasks(len(items)))
        dataset.context.enable_progress_bars = False
        dataset.context.execution_options.preserve_order = True
        num_cpus, concurrency = _resources()
        task = functools.partial(_decode_row, size=size)
        rows = dataset.map(task, num_cpus=num_cpus, concurrency=concurrency)
        for video, row in zip(videos, rows.iter_rows(), strict=True):
            yield video, None if row["error"] else row["frames"], row["error"]


def write_clips(rows: Iterable[ClipRow], folder: Path) -> tuple[list[DataFile], list[dict[str, Any]]]:
    """Write the rows as Parquet files in ``folder``; returns the files, and the rows without frames."""
    files: list[DataFile] = []
    summary: list[dict[str, Any]] = []
    rows = iter(rows)
    while batch := list(itertools.islice(rows, ROWS_PER_FILE)):
        path = folder / f"clips-{len(files):05d}.parquet"
        how = {"use_dictionary": False, "column_encoding": _ENCODING}
        files.append(write_file(path, SCHEMA, [clip_table(batch)], **how))
        summary += [{name: value for name, value in row.items() if name != "frames"} for row in batch]
    return files, summary


def _row(video: Video, part: Range, last: int, frames: Frames) -> ClipRow:
    clip = np.ascontiguousarray(frames[part.first : last + 2])
    return ClipRow(
        id=part.id,
        person=video.person,
        action=video.action,
        label=video.label,
        scenario=video.scenario,
        first=part.first,
        last=last,
        num_frames=len(frames),
        frames=clip,
        sha256=fingerprint(clip),
    )


def _decode_row(row: dict[str, Any], size: int) -> dict[str, Any]:
    cv2.setNumThreads(1)  # Ray Data runs one such task a core
    try:
        return {"frames": decode(Path(row["path"]), size), "error": ""}
    except VideoError as error:
        return {"frames": np.zeros((0, size, size), np.uint8), "error": str(error)}


@contextlib.contextmanager
def _ray() -> Iterator[None]:
    """A running Ray: the one that is there, else a local one for as long as it is needed."""
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    if ray.is_initialized():
        yield
        return
    ray.init(address="local", include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    try:
        yield
    finally:
        ray.shutdown()


def _num_tasks(num_videos: int) -> int:
    return max(-(-num_videos // VIDEOS_PER_TASK), min(num_videos, os.cpu_count() or 1))


def _resources() -> tuple[int, int | None]:
    """CPUs for each task, and how many tasks at once.

    One each; but none where others hold all of them, for then no task would ever start.
    """
    if ray.available_resources().get("CPU", 0) >= 1:
        return 1, None
    return 0, os.cpu_count() or 1
