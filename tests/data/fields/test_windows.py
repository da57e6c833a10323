"""Windows of velocity fields: no frame in two splits but by the published cut."""

from data.fields.windows import count_windows, evenly, frames_used, periods, windows
from fernn.config import OceanConfig, data_config

DATA = OceanConfig(size=4, num_frames=4, input_frames=2, shares=(0.5, 0.25, 0.25), domain=("east/*",))

LENGTHS = {"west/0/0": 24, "east/0/0": 6, "west/0/1": 24}


def frames_of(found):
    return {(name, start + step) for name, start in found for step in range(DATA.num_frames)}


def test_splits_share_no_frame_and_the_domain_test_is_held_out():
    found = windows(LENGTHS, DATA)
    assert {split: len(mine) for split, mine in found.items()} == {
        "train": 18, "validation": 6, "test": 6, "domain": 3,
    }  # fmt: skip
    parts = [frames_of(mine) for mine in found.values()]
    assert not any(one & other for i, one in enumerate(parts) for other in parts[:i])
    assert {name for name, _ in found["domain"]} == {"east/0/0"}
    assert found["train"][:3] == [("west/0/0", 0), ("west/0/1", 0), ("west/0/0", 1)]  # by time, then by tile


def test_the_published_cut_lets_neighbouring_windows_share_frames():
    found = windows(LENGTHS, DATA.override({"protocol": "published"}))
    assert frames_of(found["train"]) & frames_of(found["validation"])
    assert sum(map(len, found.values())) == 2 * (24 - 4 + 1) + 3


def test_the_published_windows_of_convection_are_those_of_its_first_frames():
    """The released script cuts 6,000, 2,000 and 2,000 windows, frames 0 to 1467, in the middle of a frame's squares."""
    data = data_config("convection").override({"protocol": "published", "num_clips": (9999, 9999, 9999, 0)})
    found = windows({f"rbc/0/{square}": 2000 for square in range(7)}, data)
    assert {split: len(mine) for split, mine in found.items()} == {
        "train": 5999, "validation": 2002, "test": 2002, "domain": 0,
    }  # fmt: skip
    assert max(start for _, start in found["test"]) + data.num_frames == 1468
    assert frames_used(1000, data) == 1000 and frames_used(2000, data_config("convection")) == 2000


def test_fewer_windows_are_taken_evenly():
    assert evenly([("a", i) for i in range(9)], 3) == [("a", 0), ("a", 4), ("a", 8)]
    assert evenly([("a", 1)], 0) == [] and evenly([("a", 1)], 5) == [("a", 1)]


def test_no_window_spans_a_break_and_those_of_the_domain_count_as_tests():
    breaks = {"west/0/0": (6,), "east/0/0": (3,)}
    whole, broken = windows(LENGTHS, DATA), windows(LENGTHS, DATA, breaks)
    assert set(whole["train"]) - set(broken["train"]) == {("west/0/0", start) for start in (3, 4, 5)}
    assert broken["validation"] == whole["validation"] and broken["domain"] == []
    assert count_windows(LENGTHS, DATA, breaks) == {"train": 15, "validation": 6, "test": 6}
    assert count_windows(LENGTHS, DATA) == {"train": 18, "validation": 6, "test": 6 + 3}


def test_a_period_that_is_shorter_than_a_window_has_none():
    assert [list(starts) for starts in periods(8, DATA)] == [[0], [], []]
    assert [len(starts) for starts in periods(8, DATA.override({"protocol": "published"}))] == [2, 2, 1]
