"""Prediction of frames: trained, chosen by its lowest error, resumed bit for bit; scores and examples."""

import numpy as np
import pytest
import torch
from torch import nn

from fernn.batch import Batch
from fernn.experiment import Experiment
from fernn.files.checkpoint import pack, unpack
from fernn.seeding import generator
from fernn.train.loop import fit
from fernn.train.prediction import Prediction
from fernn.train.run import Run
from fernn.train.task import Classification

FIELDS = {
    "data.name": "translating-mnist", "model": "fernn-v1", "model.hidden_channels": 2, "model.decoder_layers": 0,
    "data.num_frames": 5, "data.input_frames": 3, "epochs": 3, "optim.lr": 1e-2, "optim.clip_norm": None,
}  # fmt: skip


class Noise:
    """Eight sequences of noise for training, four for evaluation, as floats."""

    def training(self, seed, epoch):
        return [self.batch("train", seed, epoch, part) for part in (0, 1)]

    def evaluation(self, split):
        return iter([self.batch(split)])

    def batch(self, *names):
        clips = torch.from_numpy(generator(*names).random((4, 5, 1, 8, 8), dtype=np.float32))
        return Batch(clips, torch.zeros(4, 2, dtype=torch.int64), [f"{names}-{i}" for i in range(4)])


class Last(nn.Module):
    """Predicts that the last given frame stays."""

    def forward(self, frames, horizon):
        return frames[:, -1:].expand(-1, horizon, -1, -1, -1)


def rows_of(run):
    return [{name: value for name, value in row.items() if "time/" not in name} for row in fit(run, Noise())]


def test_the_best_epoch_has_the_lowest_error_and_a_resumed_run_equals_an_unbroken_one():
    unbroken = Run.start(Experiment().override(FIELDS))
    rows = rows_of(unbroken)
    errors = [row["validation/mse"] for row in rows]
    assert rows[-1]["best/mse"] == min(errors) and rows[-1]["best/epoch"] == 1 + errors.index(min(errors))
    assert [row["train/loss"] for row in rows] == [row["train/mse"] for row in rows]
    first, resumed = (Run.start(Experiment().override(FIELDS)) for _ in range(2))
    next(fit(first, Noise()))
    resumed.load(*unpack(pack(*first.state())))
    assert rows_of(resumed) == rows[1:] and pack(*resumed.state()) == pack(*unbroken.state())


def test_errors_are_means_over_the_pixels_of_every_predicted_frame():
    clips = torch.rand(3, 5, 1, 4, 4)
    task, model = Prediction(3), Last()
    loss, total = task.loss(model, clips, torch.zeros(3))
    kept = task.evaluate(model, clips, torch.zeros(3))
    expected = torch.stack([(clips[:, t] - clips[:, 2]).square().mean(dim=(1, 2, 3)) for t in (3, 4)], dim=1)
    torch.testing.assert_close(kept["errors"], expected)
    found = task.kind.of(["a", "b", "c"], kept)
    assert found.metrics()["mse"] == pytest.approx(loss.item()) == pytest.approx(total.item() / 3)


def test_examples_are_clips_and_predictions_as_grey_levels():
    clips = torch.tensor([0.0, 0.2, 0.5, 1.0, 0.1]).view(1, 5, 1, 1, 1)
    found = Prediction(3).examples(Last(), clips)
    assert found["clips"].flatten().tolist() == [0, 51, 128, 255, 26]
    assert found["predicted"].flatten().tolist() == [128, 128]
    assert Classification().examples(Last(), clips) == {}
