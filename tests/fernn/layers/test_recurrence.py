"""Steps in one function: parity with a function for each step, and what is kept for the gradient."""

import pytest
import torch

from fernn.layers.moving_frame import advance
from fernn.layers.recurrence import advance_along

SHIFTS = [[(0, t), (t, -2 * t), (-3 * t, 1)] for t in range(1, 9)]


def noise(*shape):
    return torch.randn(*shape, 5, 6, 3, dtype=torch.float64, requires_grad=True)


def kernel_of(size):
    return torch.randn(3, 3, size, size, dtype=torch.float64, requires_grad=True)


def step_by_step(state, kernel, drives, shifts, activation):
    for drive, moves in zip(drives, shifts, strict=True):
        state = advance(state, kernel, drive, moves, activation)
    return state


def check(state, kernel, drives, shifts, activation):
    ours, plain = (steps(state, kernel, drives, shifts, activation) for steps in (advance_along, step_by_step))
    torch.testing.assert_close(ours, plain, rtol=1e-13, atol=1e-13)
    inputs, weights = [one for one in (state, kernel, drives) if one.requires_grad], torch.randn_like(plain)
    for one, other in zip(*(torch.autograd.grad(out, inputs, weights) for out in (ours, plain)), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("size", [1, 3, 5])
@pytest.mark.parametrize(("num_before", "num_driven"), [(3, 1), (1, 1), (3, 3), (1, 3)])
def test_steps_and_their_gradients_are_those_of_a_function_for_each(num_before, num_driven, size, activation):
    for steps in (1, 2, 4, 8):
        shifts = tuple(map(tuple, SHIFTS[:steps]))
        check(noise(2, num_before), kernel_of(size), noise(steps, 2, num_driven), shifts, activation)


@pytest.mark.parametrize("shift", [(0, 0), (2, -1)])
def test_one_slice_that_stays_or_moves_is_a_step_as_any(shift):
    check(noise(2, 1), kernel_of(3), noise(5, 2, 1), (((shift),),) * 5, "tanh")


def test_drives_and_states_that_want_no_gradient_get_none():
    shifts = tuple(map(tuple, SHIFTS[:4]))
    check(noise(2, 3).detach(), kernel_of(3), noise(4, 2, 1).detach(), shifts, "tanh")


def test_only_the_states_and_the_kernel_are_kept_and_without_a_gradient_not_even_these():
    sizes, state, kernel, drives = [], noise(2, 3), kernel_of(3), noise(8, 2, 1)
    shifts = tuple(map(tuple, SHIFTS))
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: sizes.append(tensor.numel()), lambda place: place):
        after = advance_along(state, kernel, drives, shifts, "tanh")
    assert sum(sizes) == 9 * state.numel() + kernel.numel() and after.is_contiguous()
    with torch.no_grad():
        assert torch.equal(advance_along(state, kernel, drives, shifts, "tanh"), after)
