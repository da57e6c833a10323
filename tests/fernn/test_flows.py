"""Flows: their laws, and parity with the published motion of KTH clips."""

import re

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from fernn.equivariance.error import drift
from fernn.flows import FLOWS, RotationFlow, TranslationFlow
from fernn.flows.periodic import pad_periodic, shift_slices
from fernn.flows.translation import parse_velocities, source_pixels

velocities = st.tuples(st.integers(-5, 5), st.integers(-5, 5))
times = st.integers(-20, 20)
KINDS = {
    "translation": (TranslationFlow.box(1, 2), velocities, (0, 0), (2, 6, 7)),
    "rotation": (RotationFlow((0, 90), 4), st.integers(-5, 5).map(lambda turns: 90 * turns), 0, (8, 7, 7)),
}


@pytest.mark.parametrize("name", FLOWS)
@given(data=st.data(), s=times, t=times)
def test_flows_keep_the_laws(name, data, s, t):
    flow, kinds, zero, shape = KINDS[name]
    v, image = data.draw(kinds), torch.rand(*shape)
    for act in (flow.act, flow.act_hidden):
        assert torch.equal(act(image, v, 0), image)
        assert torch.equal(act(act(image, v, t), v, s), act(image, v, s + t))
        assert torch.equal(act(act(image, v, t), flow.difference(zero, v), t), image)


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


def test_positive_velocities_move_down_and_right():
    image = torch.zeros(4, 4)
    image[0, 0] = 1
    assert TranslationFlow.box(1, 1).act(image, (1, 2))[1, 2] == 1


def test_a_box_holds_every_velocity_up_to_its_ranges():
    assert TranslationFlow.box(0, 1).velocities == ((0, -1), (0, 0), (0, 1))
    assert len(TranslationFlow.box(2, 2).velocities) == 25


@given(v=velocities)
def test_source_pixels_gather_the_drifting_clip(v):
    clip = torch.rand(4, 5, 6)
    (rows,), (columns,) = source_pixels(torch.tensor([v]), 4, 5, 6)
    gathered = clip[torch.arange(4)[:, None, None], rows[:, :, None], columns[:, None, :]]
    assert torch.equal(gathered, drift(TranslationFlow.box(0, 0), clip[None], v)[0])


def test_published_kth_motion_is_ours_with_the_other_sign(golden_folder):
    values = load_file(golden_folder / "kth_flow.safetensors")
    clip, flow = values["in.clip"], TranslationFlow.box(2, 2)
    moved = {name: value for name, value in values.items() if name.startswith("out.")}
    assert len(moved) == 15
    for name, expected in moved.items():
        vy, vx = map(int, re.fullmatch(r"out\.vy([+-]\d)_vx([+-]\d)", name).groups())
        torch.testing.assert_close(drift(flow, clip[None], (-vy, -vx))[0], expected, rtol=0, atol=1e-6)


def test_velocities_are_whole_and_different():
    with pytest.raises(ValueError, match="different"):
        TranslationFlow(((0, 1), (0, 1)))
    with pytest.raises(ValueError, match="whole pixels"):
        parse_velocities([(0.5, 1)])
