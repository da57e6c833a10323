"""Batches of ramp clips: each once an epoch, mirrored by name.

Tests take the middle frames, as dylandoblar/noether-networks @c7a65a2, video_prediction/data/phys101.py (82-86).
"""

import numpy as np
import pytest
import torch

from data.errors import DataError
from data.physics101.data_set import PHYSICS101
from data.physics101.schema import object_of
from data.physics101.stream import SlideStream
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
