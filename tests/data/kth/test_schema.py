"""Splits by person, and the hash of clips.

The paper's split is that of akandykeller/FERNN @7def7bc, kth/train_kth_classification.py (209-224): persons to 16, 17
to 20, and from 21 on; 32 frames are 16 at every second (201-207, 755-758). The official one is that of KTH's own
annotation.
"""

from itertools import combinations

import pytest

from data.kth.annotations import read_annotation
from data.kth.schema import HASHED, count_by_split, split_of
from data.preparing.frames import content_hash
from fernn.config.kth import PERSONS
from tests.data.kth.published import PUBLISHED, clips_of


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


ROW = {"id": "clip-0", "label": 0, "first": 3, "last": 4, "num_frames": 100, "sha256": "0" * 64}
OTHER = {"id": "clip-1", "label": 0, "first": 3, "last": 8, "num_frames": 100, "sha256": "1" * 64}
ROWS = [ROW, OTHER]


def test_the_content_hash_covers_data_set_size_order_and_every_clip():
    changes = ({"id": "x"}, {"label": 1}, {"first": 0}, {"last": 99}, {"num_frames": 99}, {"sha256": "x"})
    changed = [content_hash("kth 32", [ROW | change, OTHER], HASHED) for change in changes]
    others = [
        content_hash("kth-demo 32", ROWS, HASHED),
        content_hash("kth 64", ROWS, HASHED),
        content_hash("kth 32", ROWS[::-1], HASHED),
    ]
    assert len({content_hash("kth 32", ROWS, HASHED), *changed, *others}) == 1 + len(changed) + len(others)


def test_the_content_hash_is_the_same_on_every_machine():
    expected = "e5c0fbd58a90a3b63f79ebb9c28e08a2356dcaef2ea5b7768c7e3bbaba55c36e"
    assert content_hash("kth 32", [ROW | {"sha256": "0" * 64}], HASHED) == expected
