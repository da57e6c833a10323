"""Rotation flows: their sign, and the orientations of regular fields."""

import torch

from fernn.flows import RotationFlow


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
