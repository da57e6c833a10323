"""Shifts and padding on the periodic grid: parity with PyTorch's, and their gradients."""

import pytest
import torch
import torch.nn.functional as F

from fernn.flows.periodic import continued, pad_periodic, shift_pixels, shift_slices


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


@pytest.mark.parametrize("pad", [0, 1, 3])
def test_slices_are_continued_round_the_border(pad):
    slices = torch.rand(2, 3, 4, 5, 2)  # (b, v, h, w, c)
    maps = slices.permute(0, 1, 4, 2, 3).flatten(0, 1)
    expected = F.pad(maps, (pad,) * 4, mode="circular").unflatten(0, (2, 3)).permute(0, 1, 3, 4, 2)
    assert torch.equal(continued(slices, pad), expected)


@pytest.mark.parametrize("num_slices", [1, 3])
def test_pixels_move_as_slices_do(num_slices):
    slices, shifts = torch.rand(2, num_slices, 4, 5, 2, dtype=torch.float64), [(0, 1), (-3, 2), (9, -6)]
    rolled = [torch.roll(slices[:, i % num_slices], shift, dims=(1, 2)) for i, shift in enumerate(shifts)]
    assert torch.equal(shift_pixels(slices, shifts), torch.stack(rolled, dim=1))
    torch.autograd.gradcheck(lambda x: shift_pixels(x, shifts), slices.requires_grad_())
