"""What the published loader shows: the order that dylandoblar/noether-networks @c7a65a2 itself gave.

``tests/golden/noether_loader.safetensors`` was recorded from its data set (video_prediction/data/phys101.py 27-71 and
99-100) in PyTorch's DataLoader, as train_noether_net.py (137-148) sets it up with 6 workers and evaluate_noether_net.py
(91-102) with 4: for every clip of a pass the worker, and the place in the worker's list.
"""

import pytest

from data.physics101.published import NUM_TEST, NUM_TRAIN, clip_of, published_names, shown
from tests.support.golden import golden


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_pass_is_that_of_the_published_loader(split):
    recorded = golden("noether_loader")[0][split].tolist()
    names = published_names()[:NUM_TRAIN] if split == "train" else published_names()[NUM_TRAIN:]
    assert shown(split) == [f"{names[place]}@{worker}" for worker, place in recorded]


def test_few_of_the_clips_are_ever_shown():
    assert len(set(published_names())) == len(published_names()) == NUM_TRAIN + NUM_TEST
    passes = {split: shown(split) for split in ("train", "validation", "test")}
    assert {split: len(entries) for split, entries in passes.items()} == {"train": 310, "validation": 78, "test": 78}
    distinct = {split: len(set(map(clip_of, entries))) for split, entries in passes.items()}
    assert distinct == {"train": 52, "validation": 14, "test": 20}
    assert all(len(set(entries)) == len(entries) for entries in passes.values())


def test_batches_of_another_size_go_to_the_workers_whole():
    names = published_names()
    entries = shown("train", 3)
    assert len(entries) == 309 and entries[:4] == [f"{names[i]}@0" for i in range(3)] + [f"{names[0]}@1"]
    assert entries[18] == f"{names[3]}@0"
    assert clip_of(entries[-1]) == names[3 * (102 // 6) + 2]
