"""The embedding of frames: running statistics."""

import torch

from fernn.models.fernn import FERNNConfig

SMALL = {"hidden_channels": 4, "embedding_channels": (3,)}


def test_running_statistics_count_every_time_step():
    model = FERNNConfig(**SMALL).build().train()
    model(torch.rand(2, 16, 1, 8, 8))
    assert all(norm.num_batches_tracked == 16 for norm in model.embedding.norms)
