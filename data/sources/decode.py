"""Video files to arrays, a frame at a time; a damaged or oversized file gets one clear error."""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from data.errors import VideoError
from data.files import instead_of_data

MOST_PIXELS = 2**22
"""In a frame: twice as many as any of the data sets' videos have."""


def pictures(
    path: Path, picture: Callable[[VideoFrame], NDArray[np.uint8]], most_frames: int, step: int = 1
) -> NDArray[np.uint8]:
    """What ``picture`` makes of every ``step``-th frame of the video at ``path``, as (t, ...).

    Raises :class:`VideoError` if the file cannot be decoded, has no frame, more or larger ones than allowed, or one
    that the decoder marks as damaged.
    """
    try:
        frames = [picture(frame) for frame in islice(_frames(path, most_frames), 0, None, step)]
    except (av.FFmpegError, OSError) as error:
        reason = instead_of_data(path) if path.is_file() else ""
        raise VideoError(f"{path} cannot be decoded: {f'it {reason}' if reason else error.strerror}") from error
    if not frames:
        raise VideoError(f"{path} cannot be decoded: it holds no frame")
    return np.stack(frames)


def _frames(path: Path, most_frames: int) -> Iterator[VideoFrame]:
    with av.open(str(path)) as container:
        if not container.streams.video:
            raise VideoError(f"{path} cannot be decoded: it holds no video")
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        for index, frame in enumerate(container.decode(stream)):
            if frame.width * frame.height > MOST_PIXELS or index >= most_frames:
                limits = f"{MOST_PIXELS} pixels a frame, {most_frames} frames"
                raise VideoError(f"{path} cannot be decoded: it goes beyond {limits}")
            if frame.is_corrupt:
                raise VideoError(f"{path} cannot be decoded: frame {index} is damaged")
            yield frame
