"""Prediction of velocity fields as a task: loss, scores, shifted tests, spectra, and a resumed run.

The loss and its root are those of Rose-STL-Lab/Equivariant-Net @e6f4c84, utils.py: train_epoch (44-61), the spectra
those of evaluation.py (8-73), their error that of run_model.py (189).
"""

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates
from torch import nn

from fernn.batch import Batch
from fernn.config import OceanConfig
from fernn.experiment import Experiment
from fernn.files.checkpoint import pack, unpack
from fernn.seeding import generator
from fernn.train.fields import FieldPrediction, FieldScores, TemperatureScores, field_prediction, log_spectrum, ring_of
from fernn.train.loop import fit
from fernn.train.run import Run

SMALL = {
    "data.name": "ocean", "model": "unet-um", "optim.name": "decaying-adam", "model.narrowing": 8, "epochs": 3,
    "model.input_length": 2, "model.output_length": 2, "data.size": 16, "data.num_frames": 5, "data.input_frames": 2,
}  # fmt: skip
PARAMETERS = torch.tensor([[0.5, -1.0, 1.7, 1.0, 2.0], [2.0, 0.0, 0.3, 2.0, 1.0]])


def windows(count=2, num_frames=5, size=16, seed=0):
    return torch.randn(count, num_frames, 2, size, size, generator=torch.manual_seed(seed))


class Still(nn.Module):
    """Predicts that nothing changes; times ``factor``."""

    output_length = 2

    def __init__(self, factor=1.0):
        super().__init__()
        self.factor = factor

    def forward(self, frames, horizon):
        return self.factor * frames[:, -1:].expand(-1, horizon, -1, -1, -1)


def test_the_loss_is_summed_over_output_length_steps_and_the_metric_has_its_root():
    task, clips = FieldPrediction(input_frames=2), windows()
    loss, value = task.loss(Still(), clips, torch.zeros(2, 0))
    steps = [(clips[:, 1] - clips[:, 2 + step]).square().mean() for step in range(2)]
    torch.testing.assert_close(loss, steps[0] + steps[1])
    assert task.metric.of_mean(value.item() / 2) == pytest.approx(math.sqrt((steps[0] + steps[1]).item() / 2))
    longer = Still()
    longer.output_length = 4
    with pytest.raises(ValueError, match="model.output_length must be at most the 3 frames to predict, got 4"):
        task.loss(longer, clips, torch.zeros(2, 0))


def scores(model, clips, labels):
    task = FieldPrediction(input_frames=2)
    found = task.evaluate(model, clips, labels)
    return task.kind.of(["a", "b", "c"], FieldScores(found, ["a", "b", "c"]).columns())


def test_scores_are_roots_over_everything_and_each_shift_is_of_the_same_windows():
    clips = windows(3)
    labels = torch.cat([torch.cat([PARAMETERS, PARAMETERS[:1]]), torch.tensor([[0.0], [0.0], [1.0]])], dim=1)
    found = scores(Still(), clips, labels).metrics()
    errors = (clips[:, 1:2] - clips[:, 2:]).square()
    assert found["rmse"] == pytest.approx(errors[:2].mean().sqrt().item())
    assert found["domain_rmse"] == pytest.approx(errors[2:].mean().sqrt().item())
    assert found["um_rmse"] == pytest.approx(found["rmse"], rel=1e-5)  # standing still commutes with all of them
    factors = PARAMETERS[:2, 2, None, None, None, None].square()
    assert found["mag_rmse"] == pytest.approx((errors[:2] * factors).mean().sqrt().item(), rel=1e-5)
    assert found["rot_rmse"] == pytest.approx(found["rmse"], rel=1e-5)
    assert {"ese", "um_ese", "scale_rmse", "domain_ese"} <= set(found)
    other = scores(Still(0.5), clips, labels).metrics()
    assert other["um_rmse"] != pytest.approx(other["rmse"], rel=1e-3)  # every model is tested on what is shifted


def test_validation_windows_are_not_shifted():
    found = scores(Still(), windows(3), torch.zeros(3, 0))
    assert set(found.metrics()) == {"rmse", "ese"} and len(found.rmse_by_horizon()) == 3
    torch.testing.assert_close(found.rmse_by_horizon().square().mean().sqrt().item(), found.metrics()["rmse"])


def test_validation_runs_over_the_steps_of_the_loss_where_it_is_asked_to():
    """As eval_epoch does (utils.py 65-90), whose targets have the training's output_length (run_model.py 90)."""
    task, clips = FieldPrediction(2, "loss"), windows(3)
    found = FieldScores(task.evaluate(Still(), clips, torch.zeros(3, 0)), [""] * 3)
    errors = torch.stack([(clips[:, 1] - clips[:, 2 + step]).square().mean() for step in range(2)])
    assert found.metrics()["rmse"] == pytest.approx(errors.mean().sqrt().item()) and found.errors.shape == (3, 2)
    tested = task.evaluate(Still(), clips[:2], torch.cat([PARAMETERS, torch.zeros(2, 1)], 1))
    assert tested["errors"].shape == tested["um_errors"].shape == (2, 3)  # a test has the whole horizon


class Sideways(Still):
    """Predicts that everything moves a pixel to the right and slows down, u less than v: no turn commutes with it."""

    def forward(self, frames, horizon):
        return super().forward(frames, horizon).roll(1, -1) * torch.tensor([0.5, 0.25])[:, None, None]


def transformed(clip, kind, parameters):
    """One window (t, 2, h, w) by the definition of its symmetry, with SciPy in double precision."""
    u, v, factor, turns, growth = parameters
    if kind == "scale":
        frames, height, width = (np.arange(n) for n in (len(clip), *clip.shape[-2:]))
        middle = (clip.shape[-1] - 1) / 2
        places = np.meshgrid(frames / growth**2, *((side - middle) / growth + middle for side in (height, width)))
        places = [np.swapaxes(place, 0, 1) for place in places]
        grown = [map_coordinates(clip[:, side], places, order=1) for side in (0, 1)]
        return np.stack(grown, 1) / growth
    if kind == "rot":
        angle = np.pi / 2 * turns
        rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        return np.einsum("ij,tjyx->tiyx", rotation, np.rot90(clip, int(turns), (-2, -1)))
    return clip + np.array([u, v])[:, None, None] if kind == "um" else clip * factor


@pytest.mark.parametrize("kind", ["um", "mag", "rot", "scale"])
def test_the_loss_of_an_augmented_model_is_that_of_windows_transformed_by_hand(kind):
    """Inputs and targets alike, and the loss alone: what is evaluated stays as it is."""
    clips, labels = windows(), torch.cat([PARAMETERS, torch.zeros(2, 1)], dim=1)
    pairs = zip(clips, PARAMETERS, strict=True)
    by_hand = [transformed(clip.double().numpy(), kind, row.tolist()) for clip, row in pairs]
    task, model = FieldPrediction(2), Sideways()
    plain, expected = task.loss(model, clips, labels), task.loss(model, torch.tensor(np.stack(by_hand)), labels)
    tested = task.evaluate(model, clips, labels)
    model.augmentation = kind
    found = task.loss(model, clips, labels)
    assert found[0].item() == pytest.approx(expected[0].item(), rel=1e-5) != pytest.approx(plain[0].item(), rel=1e-3)
    assert found[1].item() == pytest.approx(expected[1].item(), rel=1e-5)
    assert all(torch.equal(one, tested[name]) for name, one in task.evaluate(model, clips, labels).items())
    validated = task.evaluate(model, clips, torch.zeros(2, 0))
    assert torch.equal(validated["errors"], tested["errors"])


def test_errors_of_velocity_and_temperature_stand_apart_and_the_loss_is_over_both():
    data = OceanConfig(num_frames=5, input_frames=2, quantities="currents-and-temperature", temperature_unit=4.0)
    task, model, labels = field_prediction(data), Still(), torch.cat([PARAMETERS, torch.zeros(2, 1)], dim=1)
    clips = torch.cat([windows(), windows(seed=5)[:, :, :1]], dim=2)
    found = TemperatureScores(task.evaluate(model, clips, labels), ["", ""]).metrics()
    errors = (clips[:, 1:2] - clips[:, 2:]).square()
    assert found["rmse"] == pytest.approx(errors.mean().sqrt().item())
    assert found["velocity_rmse"] == pytest.approx(errors[:, :, :2].mean().sqrt().item())
    assert found["temperature_rmse"] == pytest.approx(4 * errors[:, :, 2].mean().sqrt().item())
    assert found["um_temperature_rmse"] == pytest.approx(found["temperature_rmse"], rel=1e-5)
    weaker = PARAMETERS[:, 2, None, None, None] * errors[:, :, 2].sqrt()
    assert found["mag_temperature_rmse"] == pytest.approx(4 * weaker.square().mean().sqrt().item(), rel=1e-5)
    assert {"rot_velocity_rmse", "scale_temperature_rmse"} <= set(found)
    bare = FieldPrediction(2).evaluate(model, clips[:, :, :2], labels)
    full = task.evaluate(model, clips, labels)
    assert torch.equal(bare["spectrum"], full["spectrum"])  # of the velocity alone
    loss, _ = task.loss(model, clips, labels)
    assert loss.item() == pytest.approx(2 * errors[:, :2].mean().item())
    assert task.examples(model, clips)["clips"].shape == (2, 5, 1, 16, 16)
    assert field_prediction(OceanConfig(num_frames=5, input_frames=2)) == FieldPrediction(2)


class Currents:
    """Eight training windows and two others of smooth noise."""

    def training(self, seed, epoch):
        order = generator("order", seed, epoch).permutation(8)
        return (self.batch(order[i : i + 4]) for i in range(0, 8, 4))

    def evaluation(self, split):
        return iter([self.batch([8, 9])])

    def batch(self, places):
        clips = torch.cat([windows(1, seed=int(place)) for place in places])
        return Batch(clips, torch.zeros(len(places), 0), [str(place) for place in places])


def deterministic(row):
    return {name: value for name, value in row.items() if not name.startswith("time/")}


def rows_of(run):
    return [deterministic(row) for row in fit(run, Currents())]


def test_a_resumed_run_has_the_decayed_rate_and_equals_an_unbroken_one():
    experiment = Experiment().override(SMALL)
    unbroken = Run.start(experiment)
    expected = rows_of(unbroken)
    assert unbroken.optimizer.param_groups[0]["lr"] == 1e-3 * 0.9**2
    first = Run.start(experiment)
    rows = [deterministic(next(fit(first, Currents())))]
    resumed = Run.start(experiment)
    resumed.load(*unpack(pack(*first.state())))
    assert rows + rows_of(resumed) == expected
    assert pack(*resumed.state()) == pack(*unbroken.state())


def published_spectrum(fields):
    """Of one window (t, 2, n, n): TKE (48-55), tke2spectrum (57-65) and azimuthalAverage (8-45), ring by ring.

    A ring has the pixels whose distance to the middle, cut off to a whole number, is one number; the published sums
    over sorted radii drop the first ring and the last.
    """
    variances = ((fields - fields.mean(axis=0)) ** 2).mean(axis=0)
    transformed = np.fft.fftshift(np.fft.fft2((variances[0] + variances[1]) / 2))
    power = np.real(transformed * np.conjugate(transformed))
    y, x = np.indices(power.shape)
    rings = np.hypot(x - x.max() / 2, y - x.max() / 2).astype(int)
    return np.log10([power[rings == ring].mean() for ring in range(1, rings.max())])


@pytest.mark.parametrize("size", [64, 16])
def test_spectra_and_their_error_are_the_published_ones(size):
    predicted, true = windows(3, 10, size, seed=1), windows(3, 10, size, seed=2)
    expected = [np.stack([published_spectrum(one) for one in fields.double().numpy()]) for fields in (predicted, true)]
    for fields, spectra in zip((predicted, true), expected, strict=True):
        np.testing.assert_allclose(log_spectrum(fields).numpy(), spectra, rtol=0, atol=1e-10)
    found = FieldPrediction(input_frames=2).scores(predicted, true)["spectrum_error"]
    assert found.mean().sqrt().item() == pytest.approx(np.sqrt(np.mean((expected[0] - expected[1]) ** 2)), rel=1e-5)


def test_the_spectrum_has_the_published_rings_and_no_error_against_itself():
    fields = windows(2, 10, 64)
    found = log_spectrum(fields)
    own = FieldPrediction(input_frames=2).scores(fields, fields)
    assert found.shape == (2, 43) and own["spectrum_error"].tolist() == [0, 0]
    stronger = log_spectrum(fields * 10)
    torch.testing.assert_close(stronger - found, torch.full_like(found, 4.0))  # energy of energy: the fourth power
    assert log_spectrum(torch.zeros(1, 3, 2, 8, 8)).isfinite().all()


def test_a_ring_is_where_the_published_code_has_it():
    rings = ring_of(64)
    assert rings[32, 32] == 0 and rings[31, 31] == 0 and rings[32, 34] == 2 and rings.max() == 44
    wave = torch.cos(2 * math.pi * 8 * torch.arange(64) / 64)
    field = torch.stack([wave.expand(64, 64), torch.zeros(64, 64)])[None]
    moving = torch.stack([field * a for a in (-1.0, 1.0)], dim=1)  # its energy has 16 waves across
    assert log_spectrum(moving)[0].argmax() + 1 in (15, 16)
