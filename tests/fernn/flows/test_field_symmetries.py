"""Symmetries of velocity fields: turned, moved, strengthened and grown.

Each is tested by its definition. The published ones are in Rose-STL-Lab/Equivariant-Net @e6f4c84, data_prep.py:
magnitude (45), motion (53), turns (86-111, where 111 saves what was not turned) and scale (118-119).
"""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fernn.flows.field_symmetries import SHIFTS, quarter_turned, scaled

PARAMETERS = torch.tensor([[0.5, -1.0, 1.7, 1.0, 2.0], [2.0, 0.0, 0.3, 2.0, 1.0]])


def windows(count=2, num_frames=5, size=16, seed=0):
    return torch.randn(count, num_frames, 2, size, size, generator=torch.manual_seed(seed))


def test_turned_fields_are_turned_and_their_vectors_with_them():
    east = torch.zeros(2, 3, 3)
    east[0, 1, 2] = 1  # a vector to the right, at the right
    north = quarter_turned(east, 1)
    assert north[1, 0, 1] == 1 and north.abs().sum() == 1  # up, at the top
    frames = windows()
    turned = SHIFTS["rot"](frames, PARAMETERS)
    assert not torch.equal(turned, frames)


@settings(max_examples=20, deadline=None)
@given(quarters=st.integers(0, 8), more=st.integers(0, 8))
def test_quarter_turns_add_up_exactly(quarters, more):
    field = windows(1, 1)[0, 0]
    assert torch.equal(quarter_turned(quarter_turned(field, quarters), more), quarter_turned(field, quarters + more))
    assert torch.equal(quarter_turned(field, 4), field)  # nothing is quantised on the way
    turned = quarter_turned(field, quarters)
    assert torch.equal(turned.norm(dim=0).flatten().sort()[0], field.norm(dim=0).flatten().sort()[0])


def test_motion_and_magnitude_are_constant_over_space_and_time():
    frames = windows()
    moved, stronger = SHIFTS["um"](frames, PARAMETERS), SHIFTS["mag"](frames, PARAMETERS)
    torch.testing.assert_close(moved - frames, PARAMETERS[:, None, :2, None, None].expand_as(frames))
    torch.testing.assert_close(stronger / frames, PARAMETERS[:, 2, None, None, None, None].expand_as(frames))


def test_a_temperature_is_a_scalar():
    """Beside the velocities' own shift: as it was in motion, moved with its places by turns, with w's factors else."""
    velocities = windows()
    warmth = torch.randn(2, 5, 1, 16, 16, generator=torch.manual_seed(9))
    for name, shift in SHIFTS.items():
        found = shift(torch.cat([velocities, warmth], dim=2), PARAMETERS)
        assert torch.equal(found[:, :, :2], shift(velocities, PARAMETERS))
        expected = {
            "um": warmth,
            "mag": warmth * PARAMETERS[:, 2, None, None, None, None],
            "rot": torch.stack([torch.rot90(one, int(n), (-2, -1)) for one, n in zip(warmth, (1, 2), strict=True)]),
            "scale": shift(warmth.expand(-1, -1, 2, -1, -1), PARAMETERS)[:, :, :1],
        }[name]
        torch.testing.assert_close(found[:, :, 2:], expected)


def test_grown_fields_keep_their_size_and_are_slower_and_weaker():
    y, x = torch.meshgrid(torch.arange(9.0), torch.arange(9.0), indexing="ij")
    t = torch.arange(9.0)[:, None, None]
    frames = torch.stack([(x - 4) + 0 * t, (y - 4) + t], dim=1)
    grown = scaled(frames, 2.0)
    assert grown.shape == frames.shape
    expected = torch.stack([(x - 4) / 2 + 0 * t, (y - 4) / 2 + t / 4], dim=1) / 2
    torch.testing.assert_close(grown, expected)
    torch.testing.assert_close(scaled(frames, 1.0), frames)
    with pytest.raises(ValueError, match="scale must be 1 or more, as what lies beyond a window is not known, got 0.8"):
        scaled(frames, 0.8)
