"""A small experiment, and clips of noise for it."""

import numpy as np
import torch

from fernn.batch import Batch
from fernn.experiment import Experiment
from fernn.seeding import generator

SMALL = {"model.hidden_channels": 4, "model.embedding_channels": (3,), "batch_size": 4, "optim.lr": 3e-3}


class Noise:
    """Twelve training and four other clips of noise, whose brightness is the label."""

    def training(self, seed, epoch):
        order = generator("order", seed, epoch).permutation(12)
        return (self.batch(order[i : i + 4]) for i in range(0, 12, 4))

    def evaluation(self, split):
        return iter([self.batch(np.arange(100, 104))])

    def batch(self, clips):
        pixels = [generator("noise", int(c)).integers(0, 100, (5, 1, 8, 8)) + 30 * (c % 6) for c in clips]
        labels = torch.tensor([int(c) % 6 for c in clips])
        return Batch(torch.tensor(np.array(pixels), dtype=torch.uint8), labels, [str(c) for c in clips])


def experiment(**changes):
    return Experiment().override({"model": "fernn-v1", "epochs": 4, **SMALL, **changes})
