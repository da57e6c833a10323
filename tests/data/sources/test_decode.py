"""Video files to arrays, a frame at a time; too large ones are refused before they are read."""

import numpy as np
import pytest

from data.errors import VideoError
from data.physics101.decode import encode, rgb
from data.sources import decode
from data.sources.decode import pictures


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp("video") / "v.mp4"
    encode(path, [np.full((16, 32, 3), 30 * time, np.uint8) for time in range(7)])
    return path


def test_every_so_many_frames_are_taken(video):
    whole = pictures(video, rgb, 7)
    assert whole.shape == (7, 16, 32, 3) and np.array_equal(pictures(video, rgb, 7, 3), whole[::3])


def test_more_or_larger_frames_than_allowed_are_refused(video, monkeypatch):
    with pytest.raises(VideoError, match=r"it goes beyond \d+ pixels a frame, 6 frames"):
        pictures(video, rgb, 6)
    monkeypatch.setattr(decode, "MOST_PIXELS", 16 * 32 - 1)
    with pytest.raises(VideoError, match="it goes beyond 511 pixels a frame, 7 frames"):
        pictures(video, rgb, 7)


def test_a_file_that_is_not_there_or_no_video_is_named(tmp_path):
    with pytest.raises(VideoError, match="nowhere cannot be decoded: No such file"):
        pictures(tmp_path / "nowhere", rgb, 1)
    (tmp_path / "page").write_bytes(b"<html>404")
    with pytest.raises(VideoError, match="page cannot be decoded: it is a web page"):
        pictures(tmp_path / "page", rgb, 1)
