"""A batch: its first clips, with or without actions."""

import torch

from fernn.batch import Batch


def test_the_first_clips_keep_their_own_labels_names_and_actions():
    clips, labels, actions = torch.arange(3).reshape(3, 1, 1, 1, 1), torch.arange(3), torch.rand(3, 1, 2)
    few = Batch(clips, labels, ["a", "b", "c"], actions).first(2)
    assert few.ids == ["a", "b"] and few.labels.tolist() == [0, 1] and torch.equal(few.actions, actions[:2])
    assert Batch(clips, labels, ["a", "b", "c"]).first(1).actions is None
