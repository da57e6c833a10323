"""Quantities that are to be conserved: their losses, what a learned one learns from, and known ones.

The losses are inner_crit of dylandoblar/noether-networks @c7a65a2, video_prediction/models/forward.py (30-46), by hand.
"""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fernn.models.noether.quantities import Brightness, FrameQuantity, conservation_loss, learn, learning_terms

SERIES = torch.tensor([[[0.0, 0.0], [1.0, 1.0], [3.0, 1.0]]])


@pytest.mark.parametrize(("compared", "expected"), [("previous", 1 + 2), ("first", 1 + 5), ("both", 1 + 2 + 1 + 5)])
def test_losses_are_means_over_dimensions_summed_over_time(compared, expected):
    assert conservation_loss(SERIES, compared).tolist() == [expected]


@given(shift=st.floats(-5, 5), seed=st.integers(0, 2**16))
def test_a_constant_has_no_loss_and_an_offset_changes_none(shift, seed):
    series = torch.randn(2, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(conservation_loss(series + shift), conservation_loss(series))
    assert conservation_loss(series[:, :1].expand(-1, 4, -1), "both").tolist() == [0, 0]


def test_a_quantity_learns_to_stay_and_to_spread():
    state = torch.random.get_rng_state()
    embedding = FrameQuantity.seeded(1, 8, seed=5)
    assert torch.equal(torch.random.get_rng_state(), state)
    draws = torch.Generator().manual_seed(1)
    still = torch.rand(60, 8, 1, 1, 8, 8, generator=draws).expand(-1, -1, 5, -1, -1, -1)
    clips = still + 0.1 * torch.rand(still.shape, generator=draws)  # what stays, under noise that does not
    with torch.no_grad():
        before = sum(learning_terms(embedding(clips[0])))
    learn(embedding, clips)
    stays, spreads = learning_terms(embedding(clips[0]))
    assert stays + spreads < before / 3 and spreads < 0.3
    assert not any(weight.requires_grad for weight in embedding.parameters())


def test_brightness_is_that_of_every_channel():
    clips = torch.zeros(1, 2, 2, 2, 2)
    clips[0, 1, 1, 0, 0] = 1
    assert Brightness()(clips).tolist() == [[[0, 0], [0, 0.25]]]
