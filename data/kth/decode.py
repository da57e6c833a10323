"""KTH's AVI files, read and written.

Grey levels are the published pipeline's: decoded to BGR, OpenCV's BGR to grey, INTER_AREA to the
size asked for, whatever the aspect ratio. On KTH's own videos the result equals that of OpenCV's
VideoCapture bit for bit. The decoder's luma alone would differ by up to 20 levels, as its range is
limited; but where a frame has no colour, and nearly all have none, grey is a function of luma, and a
table of 256 entries gives in a tenth of the time what the way through BGR gives.
"""

import struct
from collections.abc import Iterable
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, VideoReformatter
from numpy.typing import NDArray

from data.errors import VideoError
from data.files import instead_of_data
from data.sources.decode import pictures

GREY = "opencv-bgr2gray, inter-area"
WIDTH, HEIGHT, FRAME_RATE = 160, 120, 25
MOST_FRAMES = 2**17
"""KTH's videos have at most some 1,500 frames."""
_BIT_RATE = 2_000_000
_NEUTRAL = 128


def decode(path: Path, size: int) -> NDArray[np.uint8]:
    """All frames of the video at ``path``, grey, as (t, size, size).

    Raises :class:`VideoError` if the file is empty, cut short, or has a frame that the decoder marks
    as damaged. The header's number of frames is only a hint and is not checked.
    """
    _check_length(path)
    to_grey = _ToGrey()

    def resized(frame: VideoFrame) -> NDArray[np.uint8]:
        return np.asarray(cv2.resize(to_grey(frame), (size, size), interpolation=cv2.INTER_AREA), np.uint8)

    return pictures(path, resized, MOST_FRAMES)


def encode(path: Path, frames: Iterable[NDArray[np.uint8]]) -> None:
    """Write grey (120, 160) frames as KTH's AVI: MPEG-4, 160x120, 25 frames per second."""
    buffer = np.full((HEIGHT * 3 // 2, WIDTH), _NEUTRAL, np.uint8)
    with av.open(str(path), "w", format="avi", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("mpeg4", rate=FRAME_RATE, options={"flags": "+bitexact"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.bit_rate, stream.thread_count = _BIT_RATE, 1
        stream.codec_context.codec_tag = "DX50"
        for image in frames:
            buffer[:HEIGHT] = _LIMITED[image]
            container.mux(stream.encode(VideoFrame.from_ndarray(buffer, format="yuv420p")))
        container.mux(stream.encode())


_LIMITED = np.rint(np.arange(256) * (219 / 255) + 16).astype(np.uint8)
"""Grey level to the limited-range luma that players, and :func:`decode`, turn back into it."""


class _ToGrey:
    """OpenCV's grey of a decoded frame, by way of BGR or, where that gives the same, of a table."""

    def __init__(self) -> None:
        self.reformatter = VideoReformatter()  # one for all frames: setting it up costs three times its work
        ramp = np.full((HEIGHT * 3 // 2, WIDTH), _NEUTRAL, np.uint8)
        ramp[:HEIGHT] = np.arange(HEIGHT * WIDTH, dtype=np.uint8).reshape(HEIGHT, WIDTH)
        self.table = np.empty(256, np.uint8)
        self.table[ramp[:HEIGHT]] = self.by_way_of_bgr(VideoFrame.from_ndarray(ramp, format="yuv420p"))

    def __call__(self, frame: VideoFrame) -> NDArray[np.uint8]:
        is_limited = frame.format.name == "yuv420p" and frame.color_range != ColorRange.JPEG
        if is_limited and all((_plane(frame, index) == _NEUTRAL).all() for index in (1, 2)):  # it has no colour
            return np.asarray(cv2.LUT(_plane(frame, 0), self.table), np.uint8)
        return self.by_way_of_bgr(frame)

    def by_way_of_bgr(self, frame: VideoFrame) -> NDArray[np.uint8]:
        image = self.reformatter.reformat(frame, format="bgr24").to_ndarray()
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)


def _plane(frame: VideoFrame, index: int) -> NDArray[np.uint8]:
    plane = frame.planes[index]
    pixels = np.frombuffer(memoryview(plane), np.uint8)
    return pixels.reshape(plane.height, plane.line_size)[:, : plane.width]


def _check_length(path: Path) -> None:
    """A RIFF file says how long it is; a decoder would silently stop where a shorter one ends."""
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as error:
        raise VideoError(f"{path} cannot be read: {error.strerror}") from error
    if len(head) < 8 or head[:4] != b"RIFF":
        raise VideoError(f"{path} cannot be decoded: it {instead_of_data(path) or 'is not an AVI file'}")
    length, expected = path.stat().st_size, struct.unpack("<I", head[4:])[0] + 8
    if length < expected:
        raise VideoError(f"{path} cannot be decoded: it ends after {length} of {expected} bytes")
