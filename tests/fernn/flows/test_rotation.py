"""Rotation flows: their sign, and the orientations of regular fields."""

import pytest
import torch

from fernn.flows import RotationFlow
from tests.support.calls import TensorCalls


def test_positive_angles_turn_counter_clockwise_and_interpolate():
    image = torch.zeros(15, 15)
    image[7, 11] = 1  # right of the centre
    flow = RotationFlow((10,))
    assert flow.act(image, 90)[3, 7] == 1
    around = flow.act(image, 30)
    lit = around.nonzero().float().mean(dim=0) - 7
    torch.testing.assert_close(lit, 4 * torch.tensor([-0.5, 0.75**0.5]), rtol=0, atol=0.5)
    near = torch.stack([flow.act(image, 10, 9), flow.act(image, 89.999999, 1)])
    torch.testing.assert_close(near[0], near[1], rtol=0, atol=1e-5)


def test_orientations_roll_with_the_picture():
    state = torch.zeros(2 * 4, 3, 3)
    state[4 + 1, 0, 1] = 1  # field 1, orientation 1, above the centre
    assert RotationFlow((90,), 4).act_hidden(state, 90)[4 + 2, 1, 0] == 1


def test_a_turn_in_double_precision_is_as_precise():
    picture = torch.zeros(9, 9, dtype=torch.float64)
    picture[4, 6] = 1  # two pixels right of the centre
    cos = 0.75**0.5  # the pixel up and right of the centre comes from (cos + 1/2, cos - 1/2), right and up
    expected = (cos - 0.5) * (1.5 - cos)
    assert abs(RotationFlow((10,)).act(picture, 30)[3, 5].item() - expected) < 1e-14


@pytest.mark.parametrize("velocities", [(-40, 0, 90, 10), (0, -90, 180)])
@pytest.mark.parametrize("is_one", [False, True])
def test_all_slices_turn_at_once_as_each_does(velocities, is_one):
    flow, num_slices = RotationFlow(velocities), 1 if is_one else len(velocities)
    slices = torch.randn(num_slices, 2, 2 * 36, 5, 5, dtype=torch.float64, requires_grad=True)
    expanded = slices.expand(len(velocities), -1, -1, -1, -1)
    expected = torch.stack([flow.act_hidden(one, v, 2) for one, v in zip(expanded, velocities, strict=True)])
    found, slopes = flow.act_slices(slices, 2), torch.randn_like(expected)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    ours, plain = (torch.autograd.grad(one, slices, slopes)[0] for one in (found, expected))
    torch.testing.assert_close(ours, plain, rtol=1e-13, atol=1e-13)


def test_a_turn_of_all_slices_makes_few_calls_and_reads_places_in_single_precision():
    flow, slices = RotationFlow((-10, 0, 10, 20)), torch.randn(4, 1, 36, 9, 9, requires_grad=True)
    flow.act_slices(slices).sum().backward()  # makes the tables
    with TensorCalls() as calls:
        turned = flow.act_slices(slices)
    assert calls.by_name == {"index_select": 1, "grid_sampler_2d": 1, "copy_": 1}
    half = flow.act_slices(slices.bfloat16())
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), turned, rtol=0.02, atol=0.03)


def test_slices_that_turn_are_square():
    with pytest.raises(ValueError, match="images must be square to be rotated, got"):
        RotationFlow((10, 20)).act_slices(torch.rand(2, 1, 36, 4, 5))
