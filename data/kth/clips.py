"""Videos to clips: decoded in parallel by Ray Data, cut in the annotation's order."""

import contextlib
import functools
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
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
from data.manifest import Remark
from data.preparing.frames import ClipRow, Frames, fingerprint
from data.terminal import progress

VIDEOS_PER_TASK = 16
"""A task costs as much as some hundred frames: with 4 videos a task a third of the rate is lost."""


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
            if part.num_frames < MIN_FRAMES:
                self.short.append(part.id)
            elif (last := self._last(part, len(frames))) is not None:
                clip = np.ascontiguousarray(frames[part.first : last + 2])
                facts = {name: getattr(video, name) for name in ("person", "action", "label", "scenario")}
                place = {"id": part.id, "first": part.first, "last": last, "num_frames": len(frames)}
                yield {**facts, **place, "frames": clip, "sha256": fingerprint(clip)}

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
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    with contextlib.ExitStack() as stack:
        if not ray.is_initialized():
            ray.init(address="local", include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
            stack.callback(ray.shutdown)
        num_tasks = max(-(-len(items) // VIDEOS_PER_TASK), min(len(items), os.cpu_count() or 1))
        dataset = ray.data.from_items(items, override_num_blocks=num_tasks)
        dataset.context.enable_progress_bars = False
        dataset.context.execution_options.preserve_order = True
        task = functools.partial(_decode_row, size=size)
        if ray.available_resources().get("CPU", 0) >= 1:
            rows = dataset.map(task, num_cpus=1)
        else:  # others hold all of them, and no task that wants one would ever start
            rows = dataset.map(task, num_cpus=0, concurrency=os.cpu_count() or 1)
        advance = stack.enter_context(progress("decoding", len(videos), "videos"))
        for video, row in zip(videos, rows.iter_rows(), strict=True):
            yield video, None if row["error"] else row["frames"], row["error"]
            advance(1)


def _decode_row(row: dict[str, Any], size: int) -> dict[str, Any]:
    cv2.setNumThreads(1)  # Ray Data runs one such task a core
    try:
        return {"frames": decode(Path(row["path"]), size), "error": ""}
    except VideoError as error:
        return {"frames": np.zeros((0, size, size), np.uint8), "error": str(error)}
