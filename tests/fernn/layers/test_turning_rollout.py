"""Steps that turning pictures drive, as one function, beside the recurrence written out slice by slice."""

import pytest
import torch
import torch.nn.functional as F

from fernn.flows import RotationFlow
from fernn.layers.rollout import Steps
from fernn.layers.turning_rollout import first_turning_state, roll_out_turns
from tests.support.calls import TensorCalls

FLOW = RotationFlow((-90, 0, 45), group_order=8)
STILL = RotationFlow((0,), group_order=8)
TIMES = range(3, 10)


def convolved(maps, kernel):
    return F.conv2d(maps, kernel, padding=1)


def written_out(steps, state, kernel, lift, pictures):
    """h_t(v) = act(W * psi_1(v) h_{t-1}(v) + U * f_t)."""
    velocities = steps.flow.velocities
    h, pooled, picture = list(state.expand(len(velocities), -1, -1, -1, -1)), [], None
    for time in steps.times:
        picture = pictures[steps.rows[time]] if time in steps.rows else picture
        lifted = 0 if picture is None else convolved(picture, lift)
        moved = [steps.flow.act_hidden(one, velocity) for one, velocity in zip(h, velocities, strict=True)]
        h, picture = [getattr(torch, steps.activation)(convolved(one, kernel) + lifted) for one in moved], None
        if time >= steps.first_pooled:
            stacked = torch.stack(h)
            maps = stacked.amax(dim=0) if steps.pooling == "max" else getattr(stacked, steps.pooling)(dim=0)
            pooled.append(maps.movedim(1, -1))
            predicted = steps.predict(pooled[-1].detach())
            picture = None if predicted is None else predicted.movedim(-1, 1)
    return torch.stack(h), pooled


def noise(*shape):
    return torch.randn(*shape, dtype=torch.float64).mul(0.2).requires_grad_()


def a_series(activation="relu", pooling="max", num_alike=3, is_read=True, flow=FLOW, is_kept=True):
    """Pictures of two channels are given at times 3 to 5 and perhaps at 8, the others predicted; pooled from 5 on."""

    def predict(maps):
        return maps[..., :2].tanh() if is_read else None

    rows = {time: row for row, time in enumerate((3, 4, 5, 8) if is_read else (3, 4, 5))}
    steps = Steps(flow, activation, pooling, TIMES, rows, 5, predict, is_kept)
    return steps, [noise(num_alike, 2, 8, 5, 5), noise(8, 8, 3, 3), noise(8, 2, 3, 3), noise(len(rows), 2, 2, 5, 5)]


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("pooling", ["max", "mean", "sum"])
@pytest.mark.parametrize(
    ("num_alike", "is_read", "flow"), [(1, True, FLOW), (3, True, FLOW), (3, False, FLOW), (1, True, STILL)]
)
def test_steps_and_gradients_are_those_written_out(activation, pooling, num_alike, is_read, flow):
    torch.manual_seed(3)
    steps, inputs = a_series(activation, pooling, num_alike, is_read, flow)
    ours, plain = ([last, *pooled] for last, pooled in (roll_out_turns(steps, *inputs), written_out(steps, *inputs)))
    assert len(ours) == 6
    weights = [torch.randn_like(one) for one in plain]
    gradients = [torch.autograd.grad(found, inputs, weights) for found in (ours, plain)]
    for one, other in zip([*ours, *gradients[0]], [*plain, *gradients[1]], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("is_read", [True, False])
@pytest.mark.parametrize("flow", [FLOW, STILL])
def test_what_is_not_kept_changes_nothing(is_read, flow):
    found = []
    for is_kept in (True, False):
        torch.manual_seed(3)
        steps, inputs = a_series(num_alike=1, is_read=is_read, flow=flow, is_kept=is_kept)
        with torch.no_grad():
            last, pooled = roll_out_turns(steps, *inputs)
        found.append([last, *pooled])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_the_first_state(activation):
    _, (_, _, lift, pictures) = a_series()
    found = first_turning_state(pictures[0], lift, activation)
    torch.testing.assert_close(found, getattr(torch, activation)(convolved(pictures[0], lift))[None], rtol=0, atol=0)


def test_weights_gradients_are_summed_in_their_own_precision():
    torch.manual_seed(3)
    steps, (state, kernel, lift, pictures) = a_series()
    kernel, lift = (one.detach().float().requires_grad_() for one in (kernel, lift))
    found = []
    for dtype in (torch.bfloat16, torch.float32):
        _, pooled = roll_out_turns(steps, state.to(dtype), kernel, lift, pictures.to(dtype))
        assert pooled[0].dtype == dtype
        found.append(torch.autograd.grad(torch.stack(pooled).float().sum(), [kernel, lift]))
    for half, whole in zip(*found, strict=True):
        assert half.dtype == torch.float32
        torch.testing.assert_close(half, whole, rtol=0, atol=0.03 * whole.abs().max().item())


def test_steps_make_as_many_calls_whatever_the_number_of_slices():
    numbers = []
    for flow in (RotationFlow((0, 45), 8), RotationFlow((-135, -45, 0, 45, 135), 8)):
        steps, inputs = a_series(num_alike=1, flow=flow)
        for _ in range(2):  # the first time tables are made
            with TensorCalls() as calls:
                last, pooled = roll_out_turns(steps, *inputs)
                torch.autograd.grad(last.sum() + torch.stack(pooled).sum(), inputs)
        numbers.append(calls.number)
    assert numbers[0] == numbers[1]


@pytest.mark.parametrize(("flow", "num_states"), [(FLOW, 2 * 3 * len(TIMES)), (STILL, len(TIMES) + 1)])
def test_states_are_kept_and_what_is_read_of_them(flow, num_states):
    """A state that does not turn is kept once. What is read has a picture's two channels beside 8, and 6 of zeros."""
    kept = {}

    def pack(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    steps, (state, kernel, lift, pictures) = a_series(num_alike=1, flow=flow)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        roll_out_turns(steps, state, kernel, lift, pictures)
    maps = 2 * 5 * 5
    num_read = num_states // 2 if flow is FLOW else num_states
    num_channels = 8 * (num_states - num_read) + 16 * num_read
    assert sum(kept.values()) == 8 * (maps * (num_channels + 5 * 8) + 8 * 16 * 9)
