"""One step in the moving frame: parity with the step written out, and what is kept for the gradient."""

import pytest
import torch
import torch.nn.functional as F

from fernn.layers.moving_frame import advance, channels_last, pixels_last

SHIFTS = [(0, 0), (1, -2), (-3, 0), (7, 9)]


def written_out(state, kernel, drive, shifts, activation):
    """Slice by slice, of slices (v, b, c, h, w), by rolls and PyTorch's circular padding."""
    pad, slices = kernel.shape[-1] // 2, []
    for index, shift in enumerate(shifts):
        total = torch.roll(drive[index % len(drive)], shift, dims=(-2, -1))
        if state is not None:
            total = total + F.conv2d(F.pad(state[index % len(state)], (pad,) * 4, mode="circular"), kernel)
        slices.append(getattr(torch, activation)(total))
    return torch.stack(slices)


def fused(state, kernel, drive, shifts, activation):
    before = None if state is None else channels_last(state)
    return pixels_last(advance(before, kernel, channels_last(drive), shifts, activation))


def noise(num_slices):
    return torch.randn(num_slices, 2, 3, 5, 6, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("size", [1, 3, 5])
@pytest.mark.parametrize(("num_before", "num_driven"), [(4, 1), (1, 1), (4, 4), (1, 4), (None, 1), (None, 4)])
def test_a_step_and_its_gradients_are_those_written_out(num_before, num_driven, size, activation):
    state, drive = None if num_before is None else noise(num_before), noise(num_driven)
    kernel = torch.randn(3, 3, size, size, dtype=torch.float64, requires_grad=True)
    inputs = [one for one in (state, kernel, drive) if one is not None and (one is not kernel or num_before)]
    ours, plain = (step(state, kernel, drive, SHIFTS, activation) for step in (fused, written_out))
    torch.testing.assert_close(ours, plain, rtol=1e-13, atol=1e-13)
    weights = torch.randn_like(plain)
    for one, other in zip(*(torch.autograd.grad(out, inputs, weights) for out in (ours, plain)), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_what_is_alike_in_all_slices_stays_one_slice():
    kernel = torch.randn(3, 3, 3, 3, dtype=torch.float64)
    alike = fused(noise(1), kernel, noise(1), [(0, 0)] * 4, "tanh")
    assert alike.shape == (1, 2, 3, 5, 6) and fused(noise(1), kernel, noise(1), SHIFTS, "tanh").shape[0] == 4


def test_a_drive_that_wants_no_gradient_gets_none():
    state, drive, kernel = noise(4), noise(1).detach(), torch.randn(3, 3, 3, 3, dtype=torch.float64)
    fused(state, kernel, drive, SHIFTS, "tanh").sum().backward()
    assert state.grad is not None and drive.grad is None


def test_only_the_states_before_and_after_and_the_kernel_are_kept_for_the_gradient():
    kept, state, kernel = [], channels_last(noise(4)), torch.randn(3, 3, 3, 3, dtype=torch.float64)
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor.data_ptr()), lambda place: place):
        after = advance(state, kernel, channels_last(noise(1)), SHIFTS, "tanh")
    assert kept == [state.data_ptr(), kernel.data_ptr(), after.data_ptr()] and after.shape == state.shape
