"""Frame predictors: the law on their hidden states, rollout, recomputation and numbers of parameters.

Their parity with the published code is measured in ``tests/journeys/test_parity.py``. Parameters are counted in
Seq2SeqFERNN (moving_mnist_fp/moving_mnist_models.py 47-67, sizes of train.py 27-34) and in Seq2SeqRotationRNN
(rotating_mnist_fp/rotating_mnist_models.py 113-146) of akandykeller/FERNN @7def7bc.
"""

from functools import partial

import pytest
import torch
import torch.nn.functional as F

from fernn.equivariance import assert_flow_equivariant, equivariance_error
from fernn.flows import RotationFlow, TranslationFlow
from fernn.layers import moving_frame
from fernn.models.predictor import RotatingPredictorConfig, TranslatingPredictorConfig

SMALL = TranslatingPredictorConfig(velocity_range=(1, 1), hidden_channels=4, decoder_layers=1)


@pytest.mark.parametrize("size", [(0, 0), (1, 1), (2, 2)])
def test_translating_models_have_the_published_number_of_parameters(size):
    model = TranslatingPredictorConfig(velocity_range=size).build()
    assert sum(parameter.numel() for parameter in model.parameters()) == 739_584


def test_the_rotating_model_has_the_published_number_of_parameters():
    model = RotatingPredictorConfig().build()
    counts = {name: parameter.numel() for name, parameter in model.named_parameters()}
    assert sum(counts.values()) == 48_007_488
    assert counts["lift.weights"] + counts["cell.convolution.weights"] == 192 + 221_184


def test_the_law_holds_exactly_on_a_drifting_pictures_states():
    model = SMALL.build()
    clips = torch.rand(2, 6, 1, 9, 8)
    for velocity in ((0, 1), (-1, 1), (2, -1)):
        assert equivariance_error(model.hidden_states, TranslationFlow.box(1, 1), clips, velocity) == 0


def test_the_law_holds_on_a_turning_pictures_states():
    quarter = RotatingPredictorConfig(
        velocities=(-90, 0, 90, 180), group_order=4, hidden_fields=3, decoder_layers=0
    ).build()
    clips = torch.rand(2, 5, 1, 10, 10)
    assert_flow_equivariant(quarter.hidden_states, quarter.flow, clips, 90, 1e-5)
    tens = RotatingPredictorConfig(velocities=(-10, 0, 10), hidden_fields=1, decoder_layers=0).build()
    smooth = F.interpolate(clips[:, :, 0, :4, :4], size=20, mode="bilinear")[:, :, None]
    error = equivariance_error(tens.hidden_states, tens.flow, F.pad(smooth, (6, 6, 6, 6)), 10)
    assert 1e-3 < error < 0.6  # 3x3 kernels on square pixels: tests/benchmarks/law.py


@pytest.mark.parametrize("rollout", ["published", "equivariant"])
def test_only_the_equivariant_rollout_keeps_the_law_beyond_the_given_frames(rollout):
    model = TranslatingPredictorConfig(velocity_range=(1, 1), hidden_channels=4, rollout=rollout).build()

    states = partial(model.hidden_states, horizon=4)
    error = equivariance_error(states, TranslationFlow.box(1, 1), torch.rand(1, 3, 1, 8, 8), (0, 1))
    assert (error == 0) if rollout == "equivariant" else (error > 0.01)


@pytest.mark.parametrize("steps", [1, 3, 100])
def test_recomputed_steps_give_the_same_gradients(steps):
    """But for the rounding of sums over other steps at once."""
    frames, target = torch.rand(2, 4, 1, 8, 8).double(), torch.rand(2, 5, 1, 8, 8).double()
    found = []
    for recompute in (0, steps):
        torch.manual_seed(0)
        model = SMALL.override({"recompute_steps": recompute}).build().double()
        F.mse_loss(model(frames, 5), target).backward()
        found.append([parameter.grad for parameter in model.parameters()])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-15)


class NoKernels:
    """Triton's kernels where they do not serve."""

    def serves(self, state, pad):
        return False


@pytest.mark.parametrize("rollout", ["published", "equivariant"])
@pytest.mark.parametrize("recompute", [0, 2])
def test_one_function_of_all_steps_gives_what_a_function_for_each_gives(rollout, recompute, monkeypatch):
    model = SMALL.override({"rollout": rollout, "recompute_steps": recompute}).build().double()
    frames, found = torch.rand(2, 3, 1, 7, 8).double(), []
    for kernels in (None, NoKernels()):
        monkeypatch.setattr(moving_frame, "KERNELS", kernels)
        predicted = model(frames, 5)
        gradients = torch.autograd.grad(predicted.square().sum(), list(model.parameters()))
        found.append([predicted, *gradients, *model.hidden_states(frames, 3)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("recompute", [0, 2])
def test_turning_predictors_roll_out_without_an_input(recompute):
    fields = {"rollout": "equivariant", "recompute_steps": recompute, "hidden_fields": 1, "decoder_layers": 0}
    model = RotatingPredictorConfig(velocities=(0, 10)).override(fields).build()
    predicted = model(torch.rand(1, 2, 1, 6, 6), 5)
    predicted.sum().backward()
    assert predicted.shape == (1, 5, 1, 6, 6) and model.cell.convolution.weights.grad.abs().sum() > 0


def test_a_static_shift_of_the_frames_shifts_the_predictions():
    model, frames = SMALL.build(), torch.rand(1, 3, 1, 8, 8)
    shifted = model(frames.roll((2, 3), dims=(-2, -1)), 4)
    assert torch.equal(shifted, model(frames, 4).roll((2, 3), dims=(-2, -1)))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"velocities": [0, 15]}, "velocity must be a multiple of 360/36 = 10 degrees, got 15"),
        ({"velocities": []}, "velocities must be one or more different angles"),
        ({"hidden_fields": 0}, "hidden_fields must be 1 or more, got 0"),
        ({"recompute_steps": -1}, "recompute_steps must be 0 or more, got -1"),
    ],
)
def test_what_cannot_be_built_is_refused_by_name(changed, message):
    with pytest.raises(ValueError, match=message):
        RotatingPredictorConfig().override(changed)


def test_pictures_that_turn_are_square():
    with pytest.raises(ValueError, match="images must be square"):
        RotationFlow((10,)).act(torch.rand(1, 4, 5), 10)


def published_rollout(model, frames, target, read, pooling):
    """Seq2SeqFERNN.forward of akandykeller/FERNN @7def7bc, moving_mnist_fp/moving_mnist_models.py, with its weights.

    ``read`` has, for each step of the decoder, whether the target stands in for the frame before.
    """

    def convolved(maps, weight):
        return F.conv2d(F.pad(maps, (1, 1, 1, 1), mode="circular"), weight)

    u, w = model.lift.weight, model.cell.convolution.weight
    v_list = [(vx, vy) for vx in (-1, 0, 1) for vy in (-1, 0, 1)]
    h = torch.zeros(len(frames), 9, len(w), *frames.shape[-2:])

    def cell(frame, h):
        shifted = [torch.roll(h[:, i], shifts=(vy, vx), dims=(2, 3)) for i, (vx, vy) in enumerate(v_list)]
        return F.relu(torch.stack([convolved(frame, u) + convolved(slice_, w) for slice_ in shifted], dim=1))

    for time in range(frames.shape[1]):
        h = cell(frames[:, time], h)
    previous, outputs = frames[:, -1], []
    for time in range(target.shape[1]):
        h = cell(target[:, time] if read[time] else previous.detach(), h)
        out = {"max": h.max(1)[0], "mean": h.mean(1), "sum": h.sum(1)}[pooling]
        *hidden, last = [layer.weight for layer in model.decoder if not isinstance(layer, torch.nn.ReLU)]
        for weight in hidden:
            out = F.relu(convolved(out, weight))
        previous = convolved(out, last)
        outputs.append(previous)
    return torch.stack(outputs, dim=1)


@pytest.mark.parametrize("pooling", ["max", "mean", "sum"])
@pytest.mark.parametrize("recompute", [0, 2])
def test_pooling_and_teacher_forcing_are_the_published_ones(pooling, recompute):
    torch.manual_seed(0)
    frames, target = torch.rand(2, 3, 1, 7, 7), torch.rand(2, 6, 1, 7, 7)
    fields = {"pooling": pooling, "teacher_forcing": 0.5, "recompute_steps": recompute}
    model = SMALL.override(fields).build()
    torch.manual_seed(5)
    read = (torch.rand(6) < 0.5).tolist()
    torch.manual_seed(5)
    found, expected = model(frames, 6, target), published_rollout(model, frames, target, read, pooling)
    assert 0 < sum(read) < 6
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    assert not torch.allclose(found, model(frames, 6), rtol=1e-3)
    assert torch.equal(model.eval()(frames, 6, target), model(frames, 6))  # an evaluation reads no truth


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"teacher_forcing": 1.5}, "must be from 0 to 1"),
        ({"rollout": "equivariant", "teacher_forcing": 0.5}, "must be 0"),
    ],
)
def test_teacher_forcing_that_cannot_be_is_refused(fields, message):
    with pytest.raises(ValueError, match=f"model.teacher_forcing {message}"):
        SMALL.override(fields)
