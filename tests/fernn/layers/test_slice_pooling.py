"""Pooling of moved slices and the gradient's way back, beside rolls, PyTorch's reductions and their gradients."""

import pytest
import torch

from fernn.layers.slice_pooling import Returned, pooled

SHIFTS = [((0, 0), (1, -2), (-3, 0), (7, 9)), ((2, 1), (0, 0), (-1, -1), (4, -6))]


def written_out(state, shifts, pooling):
    moved = torch.stack([torch.roll(state[:, i], shift, dims=(1, 2)) for i, shift in enumerate(shifts)])
    return moved.max(dim=0).values if pooling == "max" else getattr(moved, pooling)(dim=0)


@pytest.mark.parametrize("pooling", ["max", "mean", "sum"])
@pytest.mark.parametrize("num_slices", [1, 4])
def test_pooled_states_and_their_gradients(pooling, num_slices):
    shifts = [one[:num_slices] for one in SHIFTS]
    states = torch.randn(2, 3, num_slices, 5, 6, 2, dtype=torch.float64).mul(2).round().div(2).requires_grad_()  # ties
    expected = torch.stack([written_out(*one, pooling) for one in zip(states, shifts, strict=True)])
    found = [pooled(state.detach(), one, pooling) for state, one in zip(states, shifts, strict=True)]
    assert torch.equal(torch.stack([maps for maps, _ in found]), expected)
    gradients, total = torch.randn_like(expected), torch.randn_like(states)
    wanted = total + torch.autograd.grad(expected, states, gradients)[0]
    returned = Returned(gradients, [pick for _, picks in found for pick in picks], shifts, pooling)
    for step in (1, 0):
        returned.add(step, total[step])
    torch.testing.assert_close(total, wanted, rtol=1e-14, atol=1e-14)
