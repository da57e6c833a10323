"""Clips cut from videos: a range and one frame more, what is clipped, skipped or too short.

The published reading of a range is that of akandykeller/FERNN @7def7bc, kth/train_kth_classification.py:
_parse_sequences (198-207) takes its ends, which count from 1, as if they counted from 0, and cuts the last at the
video's end; __getitem__ (290-298) reads frames so.
"""

import numpy as np
import pytest

from data.kth import clips as module
from data.kth.annotations import read_annotation, video_of
from data.kth.clips import Cut, decoded
from data.kth.decode import decode
from data.preparing.frames import fingerprint

NAME = "person01_boxing_d1"


def footage(num_frames):
    """Frames that show their own number."""
    return np.broadcast_to(np.arange(num_frames, dtype=np.uint8)[:, None, None], (num_frames, 4, 4))


def cut_clips(ranges, num_frames):
    cut = Cut()
    return cut, list(cut.clips(video_of(NAME, ranges), footage(num_frames), ""))


def test_a_clip_holds_its_range_and_one_frame_more():
    cut, (clip,) = cut_clips([(10, 49)], num_frames=100)
    assert (clip["id"], clip["first"], clip["last"], clip["num_frames"]) == (f"{NAME}-0", 10, 49, 100)
    np.testing.assert_array_equal(clip["frames"][:, 0, 0], np.arange(10, 51))
    assert clip["sha256"] == fingerprint(clip["frames"])
    assert cut == Cut()


def test_a_range_that_ends_with_the_video_has_no_frame_more():
    cut, (clip,) = cut_clips([(10, 49)], num_frames=50)
    np.testing.assert_array_equal(clip["frames"][:, 0, 0], np.arange(10, 50))
    assert cut == Cut()


def test_the_published_reading_of_the_annotation_is_all_but_the_first_frame():
    _, (inside, at_end) = cut_clips([(10, 49), (60, 99)], num_frames=100)
    np.testing.assert_array_equal(inside["frames"][1:, 0, 0], np.arange(11, 51))  # 11-50 taken as 0-based
    np.testing.assert_array_equal(at_end["frames"][1:, 0, 0], np.arange(61, 100))  # and cut at the end


def test_a_range_past_the_end_is_clipped_and_named():
    cut, (clip,) = cut_clips([(10, 49)], num_frames=45)
    assert (clip["last"], len(clip["frames"])) == (44, 35)
    assert [remark.name for remark in cut.clipped] == [f"{NAME}-0"]
    assert cut.clipped[0].reason == "annotated to frame 50 of a video of 45"


@pytest.mark.parametrize("num_frames", [41, 10, 5])
def test_a_range_with_too_few_frames_left_is_skipped_and_named(num_frames):
    cut, clips = cut_clips([(10, 49)], num_frames)
    assert clips == []
    assert [remark.name for remark in cut.skipped] == [f"{NAME}-0"]
    assert "fewer than 32 frames are left" in cut.skipped[0].reason


def test_short_ranges_are_no_clips_and_are_named():
    cut, clips = cut_clips([(0, 30), (31, 62)], num_frames=100)
    assert [clip["id"] for clip in clips] == [f"{NAME}-1"]
    assert cut == Cut(short=[f"{NAME}-0"])


def test_a_video_without_frames_is_skipped_for_its_reason():
    cut = Cut()
    assert list(cut.clips(video_of(NAME, [(0, 40)]), None, "damaged")) == []
    assert [(remark.name, remark.reason) for remark in cut.skipped] == [(NAME, "damaged")]


def test_videos_are_decoded_in_order(rendered, two_cpus, monkeypatch):
    monkeypatch.setattr(module, "VIDEOS_PER_TASK", 2)
    videos = read_annotation(rendered / "00sequences.txt")
    paths = {video.name: rendered / video.file_name for video in videos}
    done = list(decoded(videos, paths, 32))
    assert [video for video, _, _ in done] == list(videos)
    for video, frames, error in done:
        assert error == ""
        np.testing.assert_array_equal(frames, decode(paths[video.name], 32))
