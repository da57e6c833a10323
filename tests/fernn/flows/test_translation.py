"""Translation flows: their sign, their boxes, and parity with the published motion of KTH clips.

Published: akandykeller/FERNN @7def7bc, kth/train_kth_classification.py, _apply_velocity_shift (252-287), run on the
golden clip.
"""

import re

import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from fernn.equivariance import drift
from fernn.flows import TranslationFlow
from fernn.flows.translation import source_pixels

velocities = st.tuples(st.integers(-5, 5), st.integers(-5, 5))


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
