"""Videos of the ramp are read as the published pipeline reads them; what is none is named.

dylandoblar/noether-networks @c7a65a2, video_prediction/data/phys101.py: every so many frames (78-80), the middle
square of at most 1080 pixels, resized (56-65). torchvision pads what is smaller with black; here it is the middle
square that there is.
"""

import numpy as np
import pytest

from data.errors import VideoError
from data.physics101 import decode


def test_what_is_there_instead_of_a_video_is_said(tmp_path):
    for content, reason in ((b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"), (b"", "empty")):
        (tmp_path / "v.mp4").write_bytes(content)
        with pytest.raises(VideoError, match=f"v.mp4 cannot be decoded: it is .*{reason}"):
            decode.decode(tmp_path / "v.mp4", 8, 1)


def test_the_middle_square_of_at_most_1080_pixels_is_resized():
    image = np.zeros((1100, 1300, 3), np.uint8)
    image[10:1090, 110:1190] = 255
    assert (decode.resized(image, 8) == 255).all() and decode.resized(image[:40], 8).shape == (8, 8, 3)


def test_encoded_frames_come_back_every_so_many(tmp_path):
    frames = [np.full((32, 32, 3), 20 * time, np.uint8) for time in range(6)]
    decode.encode(tmp_path / "v.mp4", frames)
    found = decode.decode(tmp_path / "v.mp4", 8, 2)
    assert found.shape == (3, 8, 8, 3)
    assert np.abs(found.mean(axis=(1, 2, 3)) - [0, 40, 80]).max() < 6  # MPEG-4 is lossy
