"""KTH's annotation, as published and as people have edited it: the same ranges, or refused by line.

Labels are in the order of akandykeller/FERNN @7def7bc, kth/train_kth_classification.py (27-35).
"""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import DataError
from data.kth.annotations import (
    ACTIONS,
    format_annotation,
    parse_annotation,
    read_annotation,
    video_of,
)
from tests.data.kth.published import PUBLISHED, clips_of

names = st.builds("person{:02}_{}_d{}".format, st.integers(1, 25), st.sampled_from(ACTIONS), st.integers(1, 4))
pairs = st.tuples(st.integers(0, 2000), st.integers(0, 300)).map(lambda pair: (pair[0], sum(pair)))
lines = st.dictionaries(names, st.lists(pairs, max_size=5), min_size=1)


@pytest.fixture(scope="module")
def published():
    return read_annotation(PUBLISHED)


def test_labels_are_the_published_ones():
    assert ACTIONS == ("walking", "jogging", "running", "boxing", "handwaving", "handclapping")


def test_published_annotation_has_599_videos_and_2391_ranges(published):
    assert sum(bool(video.ranges) for video in published) == 599
    assert [video.name for video in published if not video.ranges] == ["person13_handclapping_d3"]
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
    videos = tuple(video_of(name, parts) for name, parts in content.items())
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
    with pytest.raises(DataError) as raised:
        parse_annotation(f"\r\nperson02_boxing_d1\t\tframes\t1-40\r\n{text}\r\n", source="there/00sequences.txt")
    message = str(raised.value)
    assert message.startswith(f"there/00sequences.txt, line 3, {text!r}: ")
    assert rule in message


def test_a_video_is_named_once():
    with pytest.raises(DataError, match="line 2, .*: a video must be named once"):
        parse_annotation("person01_boxing_d1 frames 1-40\nperson01_boxing_d1 frames 1-40")


def test_an_empty_annotation_is_refused():
    with pytest.raises(DataError, match="names no video"):
        parse_annotation("\r\n\r\n")


def text_of(change):
    return lambda text: change(text).encode()


def renamed(pattern, text):
    return text_of(lambda whole: re.sub(pattern, text, whole))


VARIANTS = {
    "unix": renamed("\r\n", "\n"),
    "old mac": renamed("\r\n", "\r"),
    "utf-8 with a mark": lambda text: text.encode("utf-8-sig"),
    "utf-16": lambda text: text.encode("utf-16"),
    "latin-1 remark": lambda text: b"# f\xf6r alla\r\n" + text.encode(),
    "dashes of a word processor": renamed("-", "\u2013"),
    "dashes of windows": lambda text: text.replace("-", "\u2013").encode("cp1252"),
    "spaces": renamed("\t+", "   "),
    "tabs": renamed(" ", "\t"),
    "hard spaces": renamed(" ", "\xa0"),
    "indented": renamed("person", "  person"),
    "no frames": renamed("frames", ""),
    "frames with a colon": renamed("frames", "Frames:"),
    "a colon alone": renamed(r"(_d\d)\s+frames\s+", r"\1: "),
    "no space": renamed(", ", ","),
    "space before": renamed(", ", " , "),
    "semicolons": renamed(", ", "; "),
    "no comma": renamed(",", ""),
    "comma at the end": renamed("\r\n", ", \r\n"),
    "spaces around dashes": renamed(r"(\d)-(\d)", r"\1 - \2"),
    "csv": renamed(r"(_d\d)\s+frames\s+([^\r]+)", r'\1,"\2"'),
    "upper case": text_of(lambda text: re.sub(r"person\S+", lambda found: found[0].upper(), text)),
    "file names": renamed(r"(_d\d)", r"\1_uncomp.avi"),
    "names without compression": renamed(r"(_d\d)", r"\1.AVI"),
    "paths": renamed(r"(person\d+_([a-z]+)_d)", r"\2/\1"),
    "persons without a zero": renamed("person0", "person"),
    "actions of two words": renamed("hand(wav|clapp)ing", r"hand_\1ing"),
    "missing in words": renamed(r"\*missing\*", "(Missing)"),
    "heading": text_of(lambda text: "KTH: 25 persons, 4 scenarios\r\nvideo\tframes 1-N\r\n-----\r\n" + text),
    "heading with a range": text_of(lambda text: "Persons 1-25, scenarios 1-4\r\n" + text),
    "remarks": renamed("\r\n", "  # seen\r\n\r\n% more\r\n"),
    "total": text_of(lambda text: text + "Total: 2391 sequences\r\n"),
}  # fmt: skip


@pytest.mark.parametrize("form", ["{} to {}", "{}..{}", "{}...{}", "[{}-{}]", "({} - {})", "{}TO{}"])
def test_a_range_reads_alike_however_it_is_written(form, published, tmp_path):
    content = re.sub(r"(\d+)-(\d+)", lambda match: form.format(*match.groups()), PUBLISHED.read_bytes().decode())
    (tmp_path / "a.txt").write_text(content)
    assert read_annotation(tmp_path / "a.txt") == published


@pytest.mark.parametrize("line", ["Example: person01_boxing_d1 frames 1-95", "1. person01_boxing_d1 frames 1-95"])
def test_a_line_that_names_a_video_elsewhere_than_at_its_beginning_is_refused(line):
    with pytest.raises(DataError, match="line 1, .*must begin with its name: put # before a remark"):
        parse_annotation(f"{line}\nperson01_boxing_d2 frames 1-40\n")
    assert len(parse_annotation(f"# {line}\nperson01_boxing_d2 frames 1-40\n")) == 1


@pytest.mark.parametrize("variant", VARIANTS)
def test_copies_that_people_have_edited_say_the_same(variant, published, tmp_path):
    content = VARIANTS[variant](PUBLISHED.read_bytes().decode())
    assert content != PUBLISHED.read_bytes()
    (tmp_path / "a.txt").write_bytes(content)
    assert read_annotation(tmp_path / "a.txt") == published


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"\xff\xfe\x00", "plain text"),
        (b"\x00\x01person", "plain text"),
        (b"<!DOCTYPE html>\n<html>404", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
        (b"", "is empty: get it again"),
    ],
)
def test_what_is_no_annotation_is_refused(content, rule, tmp_path):
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(DataError, match=rule) as raised:
        read_annotation(tmp_path / "a.txt")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "line", ["persn01_boxing_d1 frames 1-40", "246-360", "246..360", "246 to 360", "person01 boxing d1 frames 1-40"]
)
def test_a_line_that_is_meant_to_name_ranges_is_no_remark(line):
    with pytest.raises(DataError, match=f"line 2, '{line}'"):
        parse_annotation(f"person01_boxing_d2 frames 1-40\n{line}\n")
