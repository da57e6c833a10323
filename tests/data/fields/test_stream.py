"""Windows of velocity fields: no frame in two splits, the same order and shifts every time."""

import numpy as np
import pytest
import torch

from data.errors import DataError
from data.fields.schema import Tile
from data.fields.stream import LABELS, Fields, shift_of
from fernn.config import FieldsConfig, OceanConfig

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
    return Fields(tiles)


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


def test_shifts_lie_where_they_are_said_to():
    drawn = np.array([shift_of(("a", start), 0.5) for start in range(400)])
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
    assert stream.deviation == 1 and corpus().stream(DATA, 4).deviation == pytest.approx(seen.std())


def test_what_cannot_be_streamed_is_named():
    with pytest.raises(DataError, match="no window of 9 frames fits in the validation period: lower data.num_frames"):
        corpus().stream(DATA.override({"num_frames": 9}), 4)
    with pytest.raises(DataError, match="fields move by themselves"):
        corpus().stream(DATA, 4).evaluation("test", [(0, 1)])
