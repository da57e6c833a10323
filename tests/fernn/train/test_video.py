"""Video prediction as a task: loss, metrics, and a resumed run that equals an unbroken one.

The loss is that of google/e3d_lstm @3e5bd4b, src/models/eidetic_3d_lstm_net.py (102-103: half the sum of squares, and
the sum of absolute errors), divided by the clips as in src/models/model_factory.py (95); "mse" that of src/trainer.py
(94-101). SSIM and PSNR are those of the literature: the published PSNR (30-41, 104-106) is of grey levels cut off to
whole ones, and the SSIM of kevinstan/video_prediction @e334293, src/trainer.py (115), has other windows and a range
of 2. The root of the squares: src/models/e3d_lstm_net_concat.py (122-125) there.
"""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fernn.batch import Batch
from fernn.config import data_config
from fernn.experiment import Experiment
from fernn.files.checkpoint import pack, unpack
from fernn.seeding import generator
from fernn.train.loop import fit
from fernn.train.run import Run, task_of
from fernn.train.video import VIDEO_ERROR, VideoPrediction

FIELDS = {
    "data.name": "moving-mnist", "model": "e3d-lstm-residual", "model.hidden_channels": 2, "model.num_layers": 2,
    "model.kernel_size": 3, "model.patch_size": 8, "data.num_frames": 5, "data.input_frames": 2, "epochs": 2,
    "optim.lr": 1e-2, "optim.clip_norm": None, "data.sampling_rate": 0.2,
}  # fmt: skip


class Noise:
    """Six clips of noise for training in batches of two, two for evaluation."""

    def __init__(self, data):
        self.data = data

    def training(self, seed, epoch):
        shown = torch.from_numpy(self.data.shown_in_epoch(seed, epoch, 6, 2))
        return [self.batch(labels, "train", seed, epoch, part) for part, labels in enumerate(shown.split(2))]

    def evaluation(self, split):
        return iter([self.batch(torch.zeros(2, *self.data.label_shape), split)])

    def batch(self, labels, *names):
        clips = torch.from_numpy(generator(*names).random((2, 5, 1, 16, 16), dtype=np.float32))
        return Batch(clips, labels, [f"{names}-{i}" for i in range(2)])


def rows_of(run):
    clips = Noise(run.experiment.data)
    return [{name: value for name, value in row.items() if "time/" not in name} for row in fit(run, clips)]


FROZEN = {"model.frozen_decoder": True, "model.initial_weights": "0" * 64}


@pytest.mark.parametrize("fields", [{}, FROZEN], ids=["all learns", "the decoder is frozen"])
def test_a_resumed_run_equals_an_unbroken_one_bit_for_bit(fields):
    experiment = Experiment().override(FIELDS | fields)
    unbroken = Run.start(experiment)
    rows = rows_of(unbroken)
    first, resumed = (Run.start(experiment) for _ in range(2))
    next(fit(first, Noise(first.experiment.data)))
    resumed.load(*unpack(pack(*first.state())))
    assert rows_of(resumed) == rows[1:] and pack(*resumed.state()) == pack(*unbroken.state())
    assert rows[-1]["best/mse"] == min(row["validation/mse"] for row in rows)


class Last(nn.Module):
    """Predicts that the last given frame stays."""

    def forward(self, frames, horizon):
        return frames[:, -1:].expand(-1, horizon, -1, -1, -1)


class Shown(Last):
    """Predicts the frame before, where it was shown, else zeros."""

    def forced(self, clips, given):
        return clips[:, :-1] * given[..., None, None, None]


def test_the_loss_weighs_absolute_and_squared_errors():
    clips, none = torch.rand(3, 5, 1, 16, 16), torch.zeros(3, 2, dtype=torch.bool)
    errors = Last()(clips[:, :2], 3) - clips[:, 2:]
    for l1, l2 in ((1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.25, 3.0)):
        task = VideoPrediction(2, l1, l2)
        loss, total = task.loss(Last(), clips, none)
        torch.testing.assert_close(loss, (l1 * errors.abs().sum() + l2 / 2 * errors.square().sum()) / 3)
        torch.testing.assert_close(total, errors.square().sum() / 3)
        rooted, _ = VideoPrediction(2, l1, l2, l2_root=True).loss(Last(), clips, none)
        torch.testing.assert_close(rooted, (l1 * errors.abs().sum() + l2 * errors.square().sum().sqrt()) / 3)


def test_a_network_that_can_be_shown_frames_learns_all_but_the_first():
    clips = torch.rand(2, 5, 1, 16, 16)
    labels = torch.tensor([[1, 0], [0, 0]])
    given = torch.tensor([[True, True, True, False], [True, True, False, False]])
    expected = (clips[:, :-1] * given[..., None, None, None] - clips[:, 1:]).abs().sum() / 2
    loss, _ = VideoPrediction(2, l2_weight=0.0).loss(Shown(), clips, labels)
    torch.testing.assert_close(loss, expected)


def plain_ssim(ours, true):
    """SSIM of two images by its definition, with a Gaussian window, the border reflected."""
    axis = torch.arange(-5, 6, dtype=torch.float64)
    line = torch.exp(-(axis**2) / (2 * 1.5**2))
    window = (line[:, None] * line / line.sum() ** 2)[None, None]
    ours, true = (F.pad(image, (5, 5, 5, 5), mode="reflect") for image in (ours, true))
    mean = [F.conv2d(image, window) for image in (ours, true)]
    products = ((ours, ours), (true, true), (ours, true))
    a, b, both = (F.conv2d(x * y, window) for x, y in products)
    a, b, both = a - mean[0] ** 2, b - mean[1] ** 2, both - mean[0] * mean[1]
    light = (2 * mean[0] * mean[1] + 0.01**2) / (mean[0] ** 2 + mean[1] ** 2 + 0.01**2)
    return (light * (2 * both + 0.03**2) / (a + b + 0.03**2)).mean()


def test_scores_are_those_of_the_literature():
    truth = torch.rand(2, 3, 1, 20, 20)
    predicted = truth + 0.3 * torch.randn_like(truth)
    found, cut = VideoPrediction(2).scores(predicted, truth), predicted.clamp(0, 1)
    torch.testing.assert_close(found["mse"], (cut - truth).square().sum(dim=(2, 3, 4)))
    torch.testing.assert_close(found["psnr"], -10 * (found["mse"] / 400).log10())
    for clip, time in ((0, 0), (1, 2)):
        expected = plain_ssim(cut[clip, time, None].double(), truth[clip, time, None].double())
        assert found["ssim"][clip, time].item() == pytest.approx(expected.item(), abs=1e-5)


def test_scores_are_kept_whole():
    task, clips = task_of(data_config("kth-video")), torch.rand(2, 5, 1, 16, 16)
    assert task.metric == VIDEO_ERROR and task == VideoPrediction(10)
    found = VideoPrediction(2).evaluate(Last(), clips, torch.zeros(2, 2))
    scores = task.kind.of(["a", "b"], found)
    assert task.kind.of(["a", "b"], scores.columns()).metrics() == pytest.approx(scores.metrics())
    assert scores.metrics()["mse"] == pytest.approx(found["mse"].mean().item())
    examples = VideoPrediction(2).examples(Last(), clips)
    assert examples["clips"].shape == (2, 5, 1, 16, 16) and examples["predicted"].shape == (2, 3, 1, 16, 16)
