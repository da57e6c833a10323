"""Steps that pictures drive, as one function, beside the recurrence written out with rolls in the still frame."""

import pytest
import torch
import torch.nn.functional as F

from fernn.flows import TranslationFlow
from fernn.layers.rollout import Steps, first_state, lift_matrix, roll_out
from tests.support.calls import TensorCalls

FLOW = TranslationFlow(((0, 1), (-2, 0), (0, 0)))
TIMES = range(3, 10)


def circular(maps, kernel):
    pad = kernel.shape[-1] // 2
    return F.conv2d(F.pad(maps, (pad,) * 4, mode="circular"), kernel)


def written_out(steps, state, kernel, lift, pictures):
    """h_t(v) = act(U * f_t + W * psi_1(v) h_{t-1}(v)), of maps (b, c, h, w); from the moving frame and back to it."""

    def moved(slices, time):
        shifts = steps.flow.shifts(time)
        return [torch.roll(one, shift, dims=(-2, -1)) for one, shift in zip(slices, shifts, strict=True)]

    slices = state.expand(-1, len(steps.flow.velocities), -1, -1, -1).permute(1, 0, 4, 2, 3)
    h, pooled, picture = moved(slices, steps.times[0] - 1), [], None
    for time in steps.times:
        picture = pictures[steps.rows[time]] if time in steps.rows else picture
        lifted = 0 if picture is None else circular(picture.movedim(-1, 1), lift)
        h = [getattr(torch, steps.activation)(lifted + circular(one, kernel)) for one in moved(h, 1)]
        picture = None
        if time >= steps.first_pooled:
            stacked = torch.stack(h)
            maps = stacked.amax(dim=0) if steps.pooling == "max" else getattr(stacked, steps.pooling)(dim=0)
            pooled.append(maps.movedim(1, -1))
            picture = steps.predict(pooled[-1].detach())
    return torch.stack(moved(h, -steps.times[-1])).permute(1, 0, 3, 4, 2), pooled


def noise(*shape):
    return torch.randn(*shape, dtype=torch.float64).mul(0.4).requires_grad_()


def a_series(activation="relu", pooling="max", num_alike=3, is_read=True, flow=FLOW):
    """Four given pictures of two channels, the last at time 6, others are predicted; states are pooled from 5 on."""

    def predict(maps):
        return maps[..., :2].tanh() if is_read else None

    rows = {time: row for row, time in enumerate((3, 4, 5, 8) if is_read else (3, 4, 5))}
    steps = Steps(flow, activation, pooling, TIMES, rows, 5, predict, is_kept=True)
    return steps, [noise(2, num_alike, 5, 6, 3), noise(3, 3, 3, 3), noise(3, 2, 5, 5), noise(len(rows), 2, 5, 6, 2)]


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("pooling", ["max", "mean", "sum"])
@pytest.mark.parametrize(("num_alike", "is_read"), [(1, True), (3, True), (3, False)])
def test_steps_and_gradients_are_those_written_out(activation, pooling, num_alike, is_read):
    torch.manual_seed(3)
    steps, inputs = a_series(activation, pooling, num_alike, is_read)
    state, kernel, lift, pictures = inputs
    last, pooled = roll_out(steps, state, kernel, lift_matrix(lift, lift.dtype), pictures)
    expected = written_out(steps, *inputs)
    assert len(pooled) == 5
    ours, plain = [last, *pooled], [expected[0], *expected[1]]
    weights = [torch.randn_like(one) for one in plain]
    gradients = [torch.autograd.grad(found, inputs, weights) for found in (ours, plain)]
    for one, other in zip([*ours, *gradients[0]], [*plain, *gradients[1]], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_the_first_state(activation):
    _, (_, _, lift, pictures) = a_series()
    found = first_state(pictures[0], lift_matrix(lift, lift.dtype), activation)
    expected = getattr(torch, activation)(circular(pictures[0].movedim(-1, 1), lift)).movedim(1, -1)[:, None]
    torch.testing.assert_close(found, expected, rtol=1e-13, atol=1e-13)


def test_steps_make_as_many_calls_whatever_the_number_of_slices():
    numbers = []
    for flow in (FLOW, TranslationFlow.box(2, 2)):
        steps, (state, kernel, lift, pictures) = a_series(num_alike=1, flow=flow)
        for _ in range(2):  # the first time tables are made
            with TensorCalls() as calls:
                last, pooled = roll_out(steps, state, kernel, lift_matrix(lift, lift.dtype), pictures)
                (last.sum() + torch.stack(pooled).sum()).backward()
            state.grad = kernel.grad = lift.grad = pictures.grad = None
        numbers.append(calls.number)
    assert numbers[0] == numbers[1]


def test_states_pictures_and_weights_are_kept():
    kept = {}

    def pack(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    steps, (state, kernel, lift, pictures) = a_series()
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        roll_out(steps, state, kernel, lift_matrix(lift, lift.dtype), pictures)
    pixels = 2 * 5 * 6
    states = (len(TIMES) + 1) * 3 * pixels * 3
    shown, picked = len(TIMES) * 3 * pixels * 50, 5 * pixels * 3
    assert sum(kept.values()) == 8 * (states + shown + picked + kernel.numel() + lift.numel())
