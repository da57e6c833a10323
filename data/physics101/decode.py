"""Physics 101's mp4 files, read and written with PyAV.

Frames are the published pipeline's: RGB, every n-th one, the middle square of at most 1080 pixels, resized by bilinear
interpolation without anti-aliasing, which takes four of the hundred or so pixels under each new one.
"""

from collections.abc import Iterable
from pathlib import Path

import av
import numpy as np
import torch
import torch.nn.functional as F
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from data.sources.decode import pictures

CROP = 1080
FRAME_RATE = 30
MOST_FRAMES = 2**12
"""Physics 101's videos have at most some hundred frames on the ramp."""
Frames = NDArray[np.uint8]


def decode(path: Path, size: int, step: int) -> Frames:
    """Every ``step``-th frame of the video, as (t, size, size, 3); raises VideoError for one that is damaged."""
    return pictures(path, lambda frame: resized(rgb(frame), size), MOST_FRAMES, step)


def rgb(frame: VideoFrame) -> Frames:
    """The picture (h, w, 3) of a decoded frame."""
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def resized(image: Frames, size: int) -> Frames:
    """The middle square of an image (h, w, 3), at most 1080 pixels wide, as (size, size, 3)."""
    side = min(CROP, *image.shape[:2])
    top, left = (round((length - side) / 2) for length in image.shape[:2])
    square = torch.from_numpy(image[top : top + side, left : left + side].copy()).permute(2, 0, 1)[None].float()
    small = F.interpolate(square, (size, size), mode="bilinear", align_corners=False)
    return np.asarray(small[0].round().to(torch.uint8).permute(1, 2, 0).numpy())


def encode(path: Path, frames: Iterable[Frames]) -> None:
    """Write RGB frames (h, w, 3) as mp4, 30 frames per second."""
    with av.open(str(path), "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("mpeg4", rate=FRAME_RATE, options={"flags": "+bitexact"})
        stream.bit_rate, stream.codec_context.thread_count = 4_000_000, 1
        for index, image in enumerate(frames):
            if index == 0:
                stream.height, stream.width, stream.pix_fmt = *image.shape[:2], "yuv420p"
            container.mux(stream.encode(VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
