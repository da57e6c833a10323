"""Runs: initial weights come from the seed alone, and evaluation leaves the mode as it was."""

import numpy as np
import torch

from fernn.batch import Batch
from fernn.experiment import Experiment
from fernn.seeding import generator
from fernn.train.run import Run, initial_model

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


def test_seeds_decide_weights_and_nothing_else_does():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one, same, other = (initial_model(experiment(seed=seed)).head.weight for seed in (0, 0, 1))
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_prediction_restores_the_mode_and_keeps_the_order():
    run = Run.start(experiment())
    run.model.train()
    found = run.predict(Noise().evaluation("test"))
    assert run.model.training and found.ids == ["100", "101", "102", "103"]
    assert found.logits.shape == (4, 6) and found.labels.tolist() == [4, 5, 0, 1]


def test_a_rotating_networks_weights_do_not_depend_on_what_was_built_before():
    fields = {"data.name": "rotating-mnist", "model": "grnn", "model.hidden_fields": 1, "model.group_order": 4}
    first, second = (initial_model(Experiment().override(fields)) for _ in range(2))
    assert all(torch.equal(one, same) for one, same in zip(first.parameters(), second.parameters(), strict=True))
