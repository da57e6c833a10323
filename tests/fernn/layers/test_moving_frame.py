"""One step in the moving frame: parity with the step written out, and what is kept for the gradient."""

import pytest
import torch
import torch.nn.functional as F

from fernn.flows.periodic import interior
from fernn.layers.moving_frame import advance

SHIFTS = [(0, 0), (1, -2), (-3, 0), (7, 9)]


def written_out(convolved, drive, shifts, activation, pad):
    moved = torch.stack([torch.roll(drive[i % len(drive)], shift, dims=(-2, -1)) for i, shift in enumerate(shifts)])
    state = getattr(torch, activation)(moved if convolved is None else convolved + moved)
    return F.pad(state.flatten(0, 1), (pad,) * 4, mode="circular").unflatten(0, state.shape[:2]) if pad else state


def noise(num_slices):
    return torch.randn(num_slices, 2, 3, 5, 6, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("pad", [0, 1, 2])
@pytest.mark.parametrize(("num_convolved", "num_driven"), [(4, 1), (1, 1), (4, 4), (None, 1), (None, 4)])
def test_a_step_and_its_gradients_are_those_written_out(num_convolved, num_driven, pad, activation):
    convolved = None if num_convolved is None else noise(num_convolved)
    drive, shifts = noise(num_driven), SHIFTS[:num_driven] if num_convolved is None else SHIFTS
    inputs = [maps for maps in (convolved, drive) if maps is not None]
    fused, plain = (step(convolved, drive, shifts, activation, pad) for step in (advance, written_out))
    assert torch.equal(fused, plain)
    weights = torch.randn_like(plain)
    for ours, theirs in zip(*(torch.autograd.grad(out, inputs, weights) for out in (fused, plain)), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def test_a_drive_that_wants_no_gradient_gets_none():
    convolved, drive = noise(4), noise(1).detach()
    advance(convolved, drive, SHIFTS, "tanh", 1).sum().backward()
    assert convolved.grad is not None and drive.grad is None


def test_only_the_padded_state_is_kept_for_the_gradient():
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor.shape), lambda shape: shape):
        padded = advance(noise(4), noise(1), SHIFTS, "tanh", 1)
    assert kept == [padded.shape] and interior(padded, 1, 1).shape == (4, 2, 3, 5, 6)
