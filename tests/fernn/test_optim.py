"""Optimizers: by name, and the plain one without a name of its own."""

import torch
from torch import nn

from fernn.experiment import Experiment
from fernn.optim import OptimConfig

SMALL = {
    "data.name": "ocean", "model": "unet-um", "optim.name": "decaying-adam", "model.narrowing": 8, "epochs": 3,
    "model.input_length": 2, "model.output_length": 2, "data.size": 16, "data.num_frames": 5, "data.input_frames": 2,
}  # fmt: skip


def test_experiments_come_back_from_their_fields_and_old_ones_keep_theirs():
    experiment = Experiment().override(SMALL | {"optim.decay": 0.5})
    assert Experiment().override(experiment.flatten()) == experiment
    assert [name for name in Experiment().flatten() if name.startswith("optim.")] == ["optim.lr", "optim.clip_norm"]
    assert OptimConfig().lr_at(7) == OptimConfig().lr
    assert Experiment().optim.build([nn.Parameter(torch.zeros(1))]).defaults["weight_decay"] == 0
