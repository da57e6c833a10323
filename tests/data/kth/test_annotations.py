from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import AnnotationError
from data.kth.annotations import (
    ACTIONS,
    clips_of,
    format_annotation,
    parse_annotation,
    read_annotation,
    video_of,
)

PUBLISHED = Path(__file__).parent / "00sequences.txt"
"""The published annotation, byte for byte."""

names = st.builds("person{:02}_{}_d{}".format, st.integers(1, 25), st.sampled_from(ACTIONS), st.integers(1, 4))
pairs = st.tuples(st.integers(0, 2000), st.integers(0, 300)).map(lambda pair: (pair[0], sum(pair)))
lines = st.dictionaries(names, st.lists(pairs, max_size=5), min_size=1)


@pytest.fixture(scope="module")
def published():
    return read_annotation(PUBLISHED)


def test_labels_are_the_published_ones():
    assert ACTIONS == ("walking", "jogging", "running", "boxing", "handwaving", "handclapping")


def test_published_annotation_has_599_videos_and_2391_ranges(published):
    assert sum(not video.missing for video in published) == 599
    assert [video.name for video in published if video.missing] == ["person13_handclapping_d3"]
    assert sum(len(video.ranges) for video in published) == 2391
    assert sum(1 for _ in clips_of(published)) == 2370


def test_ranges_of_the_file_are_one_based_and_inclusive(published):
    first = published[0]
    assert (first.name, first.person, first.action, first.scenario) == ("person01_boxing_d1", 1, "boxing", 1)
    assert [(part.first, part.last) for part in first.ranges] == [(0, 94), (95, 184), (185, 244), (245, 359)]
    assert first.ranges[0].num_frames == 95


def test_ids_count_the_short_ranges_too(published):
    by_id = {part.id: part for _, part in clips_of(published)}
    assert "person01_running_d3-0" not in by_id  # frames 1-30 are too few
    assert (by_id["person01_running_d3-1"].first, by_id["person01_running_d3-1"].last) == (97, 134)


def test_ranges_that_overlap_or_stand_out_of_order_are_kept(published):
    ranges = {video.name: [(part.first, part.last) for part in video.ranges] for video in published}
    assert ranges["person07_jogging_d4"] == [(0, 63), (269, 331), (193, 263), (489, 569)]
    assert ranges["person17_boxing_d1"][:2] == [(0, 109), (109, 191)]


def test_a_clip_has_32_frames_or_more():
    (video,) = parse_annotation("person01_boxing_d1 frames 1-31, 1-32")
    assert [part.id for _, part in clips_of([video])] == ["person01_boxing_d1-1"]


@given(lines)
def test_what_is_written_is_read_back(content):
    videos = tuple(video_of(name, parts) if parts else video_of(name, missing=True) for name, parts in content.items())
    assert parse_annotation(format_annotation(videos)) == videos


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("person01_hopping_d1 frames 1-40", "ACTION one of walking"),
        ("person26_boxing_d1 frames 1-40", "persons are 01 to 25"),
        ("person01_boxing_d5 frames 1-40", "scenarios are d1 to d4"),
        ("person01_boxing_d1", "must be followed by 'frames'"),
        ("person01_boxing_d1 frames", "FIRST-LAST, got ''"),
        ("person01_boxing_d1 frames 1-40, x", "FIRST-LAST, got 'x'"),
        ("person01_boxing_d1 frames 40-1", "1 <= FIRST <= LAST, got 40-1"),
        ("person01_boxing_d1 frames 0-40", "1 <= FIRST <= LAST, got 0-40"),
    ],
)
def test_a_wrong_line_is_named_with_its_number_text_and_rule(text, rule):
    with pytest.raises(AnnotationError) as raised:
        parse_annotation(f"\r\nperson02_boxing_d1\t\tframes\t1-40\r\n{text}\r\n", source="there/00sequences.txt")
    message = str(raised.value)
    assert message.startswith(f"there/00sequences.txt, line 3, {text!r}: ")
    assert rule in message


def test_a_video_is_named_once():
    with pytest.raises(AnnotationError, match="line 2, .*: a video must be named once"):
        parse_annotation("person01_boxing_d1 frames 1-40\nperson01_boxing_d1 frames 1-40")


def test_an_empty_annotation_is_refused():
    with pytest.raises(AnnotationError, match="names no video"):
        parse_annotation("\r\n\r\n")


def test_a_binary_annotation_is_refused(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(AnnotationError, match="plain ASCII"):
        read_annotation(tmp_path / "a.txt")
