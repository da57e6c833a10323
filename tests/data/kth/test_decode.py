"""Videos of KTH: read as the published pipeline reads them, written in KTH's format, named where damaged."""

import cv2
import numpy as np
import pytest

from data.errors import VideoError
from data.kth.annotations import read_annotation
from data.kth.decode import FRAME_RATE, HEIGHT, WIDTH, decode, encode


def by_opencv(path, size):
    """VideoCapture, BGR to grey, INTER_AREA: akandykeller/FERNN @7def7bc, kth/train_kth_classification.py (96-107)."""
    capture = cv2.VideoCapture(str(path))
    frames = []
    while (read := capture.read())[0]:
        grey = cv2.cvtColor(read[1], cv2.COLOR_BGR2GRAY)
        frames.append(cv2.resize(grey, (size, size), interpolation=cv2.INTER_AREA))
    return np.stack(frames)


def assert_within_one_grey_level(path, size):
    ours, published = decode(path, size), by_opencv(path, size)
    assert ours.shape == published.shape
    assert ours.dtype == np.uint8
    assert np.abs(ours.astype(int) - published).max() <= 1


def coloured_video(path):
    """A video in which every frame has colour, so that no shortcut for grey applies."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"XVID"), 25, (WIDTH, HEIGHT))
    rng = np.random.default_rng(0)
    base = cv2.GaussianBlur(rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8), (0, 0), 5)
    for shift in range(10):
        writer.write(np.roll(cv2.convertScaleAbs(base, alpha=4, beta=-380), shift, axis=1))
    writer.release()
    return path


@pytest.mark.parametrize("size", [32, 64])
def test_rendered_videos_are_read_as_the_published_pipeline_reads_them(rendered, size):
    for path in sorted(rendered.glob("*.avi"))[:3]:
        assert_within_one_grey_level(path, size)


def test_a_video_in_colour_is_read_as_the_published_pipeline_reads_it(tmp_path):
    assert_within_one_grey_level(coloured_video(tmp_path / "colour.avi"), 32)


def test_real_videos_are_read_as_the_published_pipeline_reads_them(real_videos):
    paths = sorted(real_videos.glob("*_uncomp.avi"))
    assert paths
    for path in paths:
        assert_within_one_grey_level(path, 32)


def test_real_videos_have_every_annotated_frame(real_videos):
    videos = {video.file_name: video for video in read_annotation(real_videos / "00sequences.txt")}
    for path in sorted(real_videos.glob("*_uncomp.avi")):
        assert len(decode(path, 8)) > max(part.last for part in videos[path.name].ranges)


def test_encoded_frames_come_back(tmp_path):
    ramp = np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, 1))
    encode(tmp_path / "ramp.avi", [ramp] * 5)
    frames = decode(tmp_path / "ramp.avi", 80)
    assert frames.shape == (5, 80, 80)
    expected = cv2.resize(ramp, (80, 80), interpolation=cv2.INTER_AREA)
    assert np.abs(frames.astype(int) - expected).max() <= 6  # MPEG-4 is lossy; a wrong range is off by 16


def test_encoded_videos_have_the_format_of_kths(rendered):
    path = next(rendered.glob("*.avi"))
    capture = cv2.VideoCapture(str(path))
    properties = (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FPS)
    assert [capture.get(name) for name in properties] == [WIDTH, HEIGHT, FRAME_RATE] == [160, 120, 25]
    assert b"vidsDX50" in path.read_bytes()[:1000]


def spoilt(kind, content):
    middle = len(content) // 2
    return {
        "empty": b"",
        "no AVI": b"<html>not found</html>",
        "header only": content[:2000],
        "cut short": content[:middle],
        "damaged": content[:middle] + bytes(2000) + content[middle + 2000 :],
        "blank": content[:2000] + bytes(len(content) - 2000),
    }[kind]


@pytest.mark.parametrize("kind", ["empty", "no AVI", "header only", "cut short", "damaged", "blank"])
def test_a_spoilt_video_is_named(rendered, tmp_path, kind):
    path = tmp_path / "person01_boxing_d1_uncomp.avi"
    path.write_bytes(spoilt(kind, (rendered / path.name).read_bytes()))
    with pytest.raises(VideoError, match="person01_boxing_d1_uncomp.avi cannot be decoded: "):
        decode(path, 32)
