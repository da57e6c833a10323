"""Every registered network in small, and batches of noise for any experiment."""

import torch

from fernn.batch import Batch
from fernn.experiment import Experiment
from fernn.models import MODELS

SMALL = {
    "batch_size": 4, "epochs": 2, "optim.lr": 1e-3, "data.num_frames": 5, "data.input_frames": 2,
    "model.hidden_channels": 2, "model.embedding_channels": (2,), "model.decoder_layers": 1, "model.hidden_fields": 1,
    "model.kernel_size": 3, "model.patch_size": 4, "model.narrowing": 8, "model.input_length": 2,
    "model.output_length": 2, "model.widths": (2, 3), "model.depths": (1, 1), "model.code": 3, "model.latent": 2,
    "model.recurrent": 3, "model.embedding_width": 2, "model.embedding_dimensions": 2, "model.width": 8,
    "model.derivative_steps": 4,
}  # fmt: skip
"""By field, where an experiment has it."""
OF_FAMILY = {
    "kth": {}, "translating-mnist": {}, "rotating-mnist": {}, "moving-mnist": {"model.num_layers": 2},
    "ocean": {"data.size": 16}, "physics101": {"data.size": 16}, "controlled-pendulum": {"data.size": 16},
    "ideal-pendulum": {}, "real-pendulum": {},
}  # fmt: skip
"""Families whose networks the others share."""
OF_MODEL = {"3dcnn": {"model.base": 2}, "unet-scale": {"model.narrowing": 4}}
NAMES = [
    f"{family}/{name}"
    for family in OF_FAMILY
    for name in MODELS[family]
    if "augmented" not in name and (family != "ideal-pendulum" or name not in MODELS["real-pendulum"])
]
"""FAMILY/MODEL of every network, once."""


def small(name, fields=()):
    """The experiment of FAMILY/MODEL in small, with further fields."""
    family, _, model = name.partition("/")
    experiment = Experiment().override({"data.name": family, "model": model})
    known, wanted = experiment.flatten(), SMALL | OF_FAMILY[family] | OF_MODEL.get(model, {}) | dict(fields)
    return experiment.override({field: value for field, value in wanted.items() if field in known or field in fields})


class Noise:
    """Five batches of noise for training, the last of them shorter, and one for evaluation."""

    def __init__(self, experiment):
        self.experiment, data = experiment, experiment.data
        side = min(data.size, 16)
        self.shape = data.num_frames, data.channels, side, side

    def training(self, seed, epoch):
        return [self.batch(3 if part == 4 else 4, 10 * epoch + part) for part in range(5)]

    def evaluation(self, split):
        return iter([self.batch(4, 1000)])

    def batch(self, number, seed):
        draws, data = torch.Generator().manual_seed(seed), self.experiment.data
        clips = torch.rand(number, *self.shape, generator=draws)
        labels = torch.randint(0, 2, (number, *data.label_shape), generator=draws)
        moves = torch.rand(number, data.num_frames, data.num_actions, generator=draws) if data.num_actions else None
        return Batch(clips, labels, [f"{seed}-{place}" for place in range(number)], moves)
