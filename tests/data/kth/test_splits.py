from itertools import combinations
from pathlib import Path

import pytest

from data.kth.annotations import clips_of, read_annotation
from data.kth.schema import count_by_split, split_of
from fernn.config.kth import PERSONS

PUBLISHED = Path(__file__).parent / "00sequences.txt"


@pytest.mark.parametrize("name", PERSONS)
def test_no_person_is_in_two_parts_and_none_is_left_out(name):
    parts = PERSONS[name].values()
    assert all(not one & other for one, other in combinations(parts, 2))
    assert frozenset().union(*parts) == set(range(1, 26))


@pytest.mark.parametrize("name", PERSONS)
def test_every_clip_of_a_person_goes_to_one_part(name):
    parts_of = {}
    for video, _ in clips_of(read_annotation(PUBLISHED)):
        parts_of.setdefault(video.person, set()).add(split_of(video.person, name))
    assert set(map(len, parts_of.values())) == {1}


def test_clips_counted_from_the_annotation_alone():
    counts = count_by_split(video.person for video, _ in clips_of(read_annotation(PUBLISHED)))
    assert list(counts["paper"].values()) == [1517, 380, 473]
    assert list(counts["official"].values()) == [754, 758, 858]


def test_the_papers_split_is_the_default():
    assert [split_of(person) for person in (1, 16, 17, 20, 21, 25)] == (
        ["train", "train", "validation", "validation", "test", "test"]
    )


def test_unknown_split_and_person_are_refused():
    with pytest.raises(ValueError, match="split must be one of paper, official, got 'random'"):
        split_of(1, "random")
    with pytest.raises(ValueError, match="person must be 1 to 25, got 26"):
        split_of(26)
