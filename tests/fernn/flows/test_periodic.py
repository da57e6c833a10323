"""Shifts and padding on the periodic grid: parity with PyTorch's, and their gradients."""

import pytest
import torch
import torch.nn.functional as F

from fernn.flows.periodic import pad_periodic, shift_slices


@pytest.mark.parametrize("num_slices", [1, 4])
def test_shifted_slices_and_their_gradients_are_those_of_rolls(num_slices):
    slices, shifts = torch.rand(num_slices, 2, 5, 6, dtype=torch.float64), [(0, 0), (-1, 2), (7, 0), (3, -11)]
    rolled = [torch.roll(slices[i % num_slices], shift, dims=(-2, -1)) for i, shift in enumerate(shifts)]
    assert torch.equal(shift_slices(slices, shifts), torch.stack(rolled))
    torch.autograd.gradcheck(lambda x: shift_slices(x, shifts), slices.requires_grad_())


@pytest.mark.parametrize("pads", [(1, 1), (0, 2), (3, 1)])
def test_periodic_padding_and_its_gradient_are_those_of_circular_padding(pads):
    maps = torch.rand(2, 3, 4, 5, dtype=torch.float64)
    rows, columns = pads
    assert torch.equal(pad_periodic(maps, *pads), F.pad(maps, (columns, columns, rows, rows), mode="circular"))
    torch.autograd.gradcheck(lambda x: pad_periodic(x, *pads), maps.requires_grad_())
