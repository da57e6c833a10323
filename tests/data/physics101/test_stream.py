"""Batches of ramp clips: each once an epoch, mirrored by name.

Tests take the middle frames, as dylandoblar/noether-networks @c7a65a2, video_prediction/data/phys101.py (82-86).
"""

import numpy as np
import pytest
import torch

from data.errors import DataError
from data.physics101.data_set import PHYSICS101
from data.physics101.published import clip_of, published_names, shown
from data.physics101.schema import object_of
from data.physics101.stream import Slides, SlideStream
from fernn.config import RampConfig


def test_every_training_clip_comes_once_an_epoch_in_its_order_and_mirrored_by_name(two_cpus, slides, ramp):
    corpus, manifest = slides
    stream = SlideStream(corpus, ramp, 2)
    first, again, second = (list(stream.training(3, epoch)) for epoch in (1, 1, 2))
    ids = [[name for batch in epoch for name in batch.ids] for epoch in (first, again, second)]
    assert sorted(ids[0]) == sorted(stream.clips["train"]) and ids[0] == ids[1] != ids[2]
    assert all(torch.equal(one.clips, other.clips) for one, other in zip(first, again, strict=True))
    plain = {
        name: clip
        for batch in SlideStream(corpus, ramp, 9)._batches(stream.clips["train"], np.zeros(6, dtype=int))
        for name, clip in zip(batch.ids, batch.clips, strict=True)
    }
    mirrored = set()
    for batch in [*first, *second]:
        for name, clip in zip(batch.ids, batch.clips, strict=True):
            same = torch.equal(clip, plain[name])
            assert same or torch.equal(clip, plain[name].flip(-1))
            mirrored.add(same)
    assert mirrored == {True, False}
    (test,) = stream.evaluation("test")
    place = corpus.ids.index(test.ids[0])
    middle = corpus.frames[corpus.offsets[place] + 9 : corpus.offsets[place] + 14]
    assert np.array_equal(test.clips[0].permute(0, 2, 3, 1).numpy(), middle)
    assert len(set(test.labels.tolist())) == 2 and stream.facts(test.ids)["object"] == list(map(object_of, test.ids))
    assert PHYSICS101.num_clips(ramp, manifest, False) == {
        split: stream.num_clips(split) for split in ("train", "validation", "test")
    }
    with pytest.raises(DataError, match="slide by themselves"):
        stream.evaluation("test", (0, 1))
    with pytest.raises(DataError, match="the train split has no clips: the data has 0 videos of 25 frames or more"):
        SlideStream(corpus, RampConfig(size=16, num_frames=25), 2)


@pytest.fixture
def listed():
    """Two-pixel videos of 23 frames for the whole published list, in another order, their frames all of one level."""
    names = sorted(published_names())
    levels = np.arange(len(names), dtype=np.uint16).view(np.uint8).reshape(-1, 2)
    frames = np.zeros((len(names), 23, 2, 2, 3), np.uint8)
    frames[:, :, :, 0, :2] = levels[:, None, None]
    frames[..., 1, 2] = 255
    starts = 23 * np.arange(len(names))
    return Slides(frames.reshape(-1, 2, 2, 3), tuple(names), starts, np.full(len(names), 23))


def test_the_published_protocol_shows_what_the_published_loader_does(listed, two_cpus):
    """Its flips are by chance, for every clip by itself, in the test too (phys101.py 51-57)."""
    stream = SlideStream(listed, RampConfig(size=2, protocol="published"), 2)
    first, again, second = (list(stream.training(3, epoch)) for epoch in (1, 1, 2))
    assert [name for batch in first for name in batch.ids] == shown("train")
    assert all(torch.equal(one.clips, other.clips) for one, other in zip(first, again, strict=True))
    mirrored = [[bool(clip[0, 2, 0, 0]) for batch in epoch for clip in batch.clips] for epoch in (first, second)]
    assert mirrored[0] != mirrored[1] and all(100 < sum(one) < 210 for one in mirrored)
    for split in ("validation", "test"):
        batches = list(stream.evaluation(split))
        assert [name for batch in batches for name in batch.ids] == shown(split) and stream.num_clips(split) == 78
        flips = []
        for name, clip in (
            (name, clip) for batch in batches for name, clip in zip(batch.ids, batch.clips, strict=True)
        ):
            flips.append(bool(clip[0, 2, 0, 0]))
            low, high = clip[-1, :2, 0, 1 if flips[-1] else 0].tolist()
            assert listed.ids[low + 256 * high] == clip_of(name)
        assert 20 < sum(flips) < 58
    assert len({label for batch in batches for label in batch.labels.tolist()}) == 78
    plain = SlideStream(listed, RampConfig(size=2, protocol="published", flip=False), 2)
    assert not any(clip[0, 2, 0, 0] for batch in plain.evaluation("test") for clip in batch.clips)


def test_the_published_protocol_needs_the_clips_that_it_shows(listed):
    first = published_names()[0]
    place = listed.ids.index(first)
    lengths = np.where(np.arange(len(listed.ids)) == place, 21, listed.lengths)
    with pytest.raises(DataError, match=f"1 of 72 clips are missing or too short, the first is {first}; or --protocol"):
        SlideStream(Slides(listed.frames, listed.ids, listed.offsets, lengths), RampConfig(protocol="published"), 2)
