"""Windows of velocity fields: no frame in two splits, the same order and shifts every time.

The published protocol is that of Rose-STL-Lab/Equivariant-Net @e6f4c84: windows of data_prep.py (33-35, 144-160), by
the numbers of run_model.py (58-85); moments over all frames (data_prep.py 22-24, there before pixels are left out).
Ranges of shifts: data_prep.py (45, 53, 108, 118), where scales begin at 1/2.
"""

import numpy as np
import pytest
import torch

from data.errors import DataError
from data.fields.schema import Tile
from data.fields.stream import LABELS, FieldStream, count_windows, evenly, periods, shift_of, windows
from data.stream import Corpus
from fernn.config import FieldsConfig, OceanConfig, data_config

DATA = OceanConfig(size=4, num_frames=4, input_frames=2, shares=(0.5, 0.25, 0.25), domain=("east/*",))


class Standardised(FieldsConfig):
    """Fields that are standardised."""

    standardised = True


LENGTHS = {"west/0/0": 24, "east/0/0": 6, "west/0/1": 24}


def corpus():
    """Tiles whose values tell the tile and the frame."""
    tiles = []
    for place, (name, length) in enumerate(LENGTHS.items()):
        values = 100 * place + np.arange(length, dtype=np.float32)
        tiles.append(Tile(name, np.broadcast_to(values[:, None, None, None], (length, 2, 4, 4)).copy()))
    return Corpus(tiles, FieldStream)


def test_clips_are_the_windows_they_are_named_after(two_cpus):
    stream = corpus().stream(DATA, 5)
    for split, number in (("train", 18), ("validation", 6), ("test", 9)):
        batches = list(stream.training(0, 1) if split == "train" else stream.evaluation(split))
        assert sum(len(batch.ids) for batch in batches) == number == stream.num_clips(split)
        for batch in batches:
            for clip, name in zip(batch.clips, batch.ids, strict=True):
                tile, _, start = name.partition("@")
                first = 100 * list(LENGTHS).index(tile) + int(start)
                assert clip.shape == (4, 2, 4, 4) and clip[:, 0, 0, 0].tolist() == [first + i for i in range(4)]


def order(stream, seed, epoch):
    return [name for batch in stream.training(seed, epoch) for name in batch.ids]


def test_the_order_follows_seed_and_epoch_and_the_shifts_the_window_alone(two_cpus):
    stream, again = corpus().stream(DATA, 4), corpus().stream(DATA, 7)
    assert order(stream, 0, 1) == order(again, 0, 1) != order(stream, 0, 2) != order(stream, 1, 1)
    labels = torch.cat([batch.labels for batch in stream.evaluation("test")])
    assert torch.equal(labels, torch.cat([batch.labels for batch in again.evaluation("test")]))
    assert labels.shape == (9, len(LABELS)) and labels[:, -1].tolist() == [0] * 6 + [1] * 3
    assert {batch.labels.shape[1] for batch in stream.evaluation("validation")} == {0}


def test_shifts_of_training_windows_follow_seed_epoch_and_window_not_the_order(two_cpus):
    def drawn(batch_size, seed, epoch):
        batches = list(corpus().stream(DATA, batch_size).training(seed, epoch))
        names = [name for batch in batches for name in batch.ids]
        return dict(zip(names, torch.cat([batch.labels for batch in batches]).tolist(), strict=True))

    first = drawn(4, 0, 1)
    assert first == drawn(7, 0, 1) and len({tuple(labels) for labels in first.values()}) == len(first)
    for other in (drawn(4, 0, 2), drawn(4, 1, 1)):
        assert not any(first[name] == labels for name, labels in other.items())
    tested = [batch for batch in corpus().stream(DATA, 4).evaluation("test")]
    assert not any(row in first.values() for batch in tested for row in batch.labels.tolist())


def test_shifts_lie_where_they_are_said_to():
    drawn = np.array([shift_of(("a", start), 0.5, "shift") for start in range(400)])
    assert (np.abs(drawn[:, :2]) <= 1).all() and np.abs(drawn[:, :2].mean()) < 0.1
    assert (drawn[:, 2] >= 0).all() and (drawn[:, 2] <= 2).all()
    assert set(drawn[:, 3]) == {0, 1, 2, 3} and drawn[:, 4].min() >= 1 and drawn[:, 4].max() <= 5


def test_standardisation_reads_the_training_frames_alone(two_cpus):
    data = Standardised(size=4, num_frames=4, input_frames=2, shares=(0.5, 0.25, 0.25), domain=("east/*",))
    stream = corpus().stream(data, 64)
    seen = np.concatenate([np.arange(12.0), 200 + np.arange(12.0)])
    assert stream.moments == pytest.approx((seen.mean(), seen.std()))
    (batch,) = stream.evaluation("validation")
    assert batch.clips[0, 0, 0, 0, 0] == pytest.approx((12 - seen.mean()) / seen.std())
    every = np.concatenate([np.arange(24.0), 200 + np.arange(24.0)])
    published = Standardised(size=4, num_frames=4, input_frames=2, protocol="published", num_clips=(9, 9, 9, 0))
    again = corpus().stream(published.override({"domain": ("east/*",)}), 64)
    assert again.moments == pytest.approx((every.mean(), every.std()))
    assert stream.deviation == 1 and corpus().stream(DATA, 4).deviation == pytest.approx(seen.std())


def test_temperatures_have_their_zero_at_the_mean_of_the_training_frames_and_a_unit(two_cpus):
    data = DATA.override({"quantities": "currents-and-temperature", "temperature_unit": 4.0})
    tiles = [
        Tile(tile.name, np.concatenate([tile.frames, tile.frames[:, :1] + 7], axis=1), tile.land)
        for tile in corpus().content
    ]
    (batch,), (bare,) = (Corpus(t, FieldStream).stream(d, 64).evaluation("validation") for t, d in (
        (tiles, data), (corpus().content, DATA),
    ))  # fmt: skip
    mean = np.concatenate([np.arange(12.0), 200 + np.arange(12.0)]).mean()
    assert batch.clips.shape[2] == 3 and torch.equal(batch.clips[:, :, :2], bare.clips)
    torch.testing.assert_close(batch.clips[:, :, 2], (bare.clips[:, :, 0] - mean) / 4)
    shifts = [next(iter(Corpus(t, FieldStream).stream(d, 64).evaluation("test"))).labels for t, d in (
        (tiles, data), (corpus().content, DATA),
    )]  # fmt: skip
    assert torch.equal(*shifts)  # motion is in deviations of the velocity alone
    with pytest.raises(DataError, match="the prepared tiles have 3 components, of which data.quantities wants 2"):
        Corpus(tiles, FieldStream).stream(DATA, 64)


def test_what_cannot_be_streamed_is_named():
    with pytest.raises(DataError, match="no window of 9 frames fits in the validation period: lower data.num_frames"):
        corpus().stream(DATA.override({"num_frames": 9}), 4)
    with pytest.raises(DataError, match="fields move by themselves"):
        corpus().stream(DATA, 4).evaluation("test", [(0, 1)])


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


@pytest.mark.parametrize(
    ("name", "tiles", "length", "ends"),
    [
        ("convection", [f"rbc/0/{square}" for square in range(7)], 2000, (6000, 8000, 10000)),
        ("ocean", [f"{r}/{i}/{j}" for r in ("atlantic", "indian", "north_pacific") for i in range(3) for j in range(3)],
         730, (8000, 10000, 12000)),
    ],
)  # fmt: skip
def test_the_published_splits_are_the_files_that_the_released_scripts_read(name, tiles, length, ends):
    """Rows: data_prep.py of each folder writes a file a window, over time, then i, j and the regions, and run_model.py
    reads them by number: 0-5999, 6000-7999, 8000-9999 of convection, 0-7999, 8000-9999, 10000-11999 of the ocean."""
    data = data_config(name).override({"protocol": "published"})
    files = []
    for first in range(length - data.num_frames + 1):
        for i in range(3):
            for j in range(7):
                for region in ("rbc", "atlantic", "indian", "north_pacific"):
                    files += [(tile, first) for tile in (f"{region}/{i}/{j}",) if tile in tiles]
    found = windows(dict.fromkeys(tiles, length) | ({"south_pacific/0/0": 730} if name == "ocean" else {}), data)
    assert found["train"] == files[: ends[0]] and found["validation"] == files[ends[0] : ends[1]]
    assert found["test"] == files[ends[1] : ends[2]]
    assert frames_of(found["train"]) & frames_of(found["validation"])
    assert len(found["domain"]) == (691 if name == "ocean" else 0)


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
    assert [list(starts) for starts in periods(8, DATA).values()] == [[0], [], []]
    with pytest.raises(DataError, match="in the validation period: lower data.num_frames, lower data.num_clips"):
        corpus().stream(DATA.override({"protocol": "published"}), 4)
