"""Quantities that are to be conserved: their losses, what a learned one learns from, and known ones.

The losses are inner_crit of dylandoblar/noether-networks @c7a65a2, video_prediction/models/forward.py (30-46), by hand.
"""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fernn.models.noether.quantities import (
    Brightness,
    FrameQuantity,
    conservation_loss,
    grad_cam,
    learn,
    learning_terms,
    principal_directions,
)

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


def test_heatmaps_are_grad_cam_of_principal_components():
    torch.manual_seed(1)
    embedding = FrameQuantity(channels=1, size=16, width=3, dimensions=5).double()
    windows = torch.rand(6, 2, 16, 16, dtype=torch.float64)
    heat = grad_cam(embedding, windows, 2)
    assert heat.shape == (6, 2, 16, 16) and heat.min() >= 0 and heat.max() <= 1
    embeddings = embedding.of_windows(windows).detach()
    directions = principal_directions(embeddings, 2)
    found = embeddings @ directions.T
    torch.testing.assert_close(found.T.corrcoef().abs(), torch.eye(2, dtype=torch.float64), rtol=0, atol=1e-12)
    assert found[:, 0].std() > found[:, 1].std()
    maps = embedding.features[:5](windows).detach().requires_grad_()
    rest = embedding.head(embedding.features[5](maps).flatten(1)) @ directions[1]
    (gradient,) = torch.autograd.grad(rest.sum(), maps)
    expected = (gradient.mean(dim=(2, 3), keepdim=True) * maps).sum(dim=1, keepdim=True).relu().detach()
    expected = torch.nn.functional.interpolate(expected, (16, 16), mode="bilinear")[:, 0]
    peaks = expected.amax(dim=(1, 2), keepdim=True).clamp(min=1e-300)
    torch.testing.assert_close(heat[:, 1], expected / peaks)
