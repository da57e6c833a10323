"""SVG by itself: what is given stays, what is known is seen, and what cannot be predicted is refused."""

import pytest
import torch

from fernn.models.noether.svg import SVG


@pytest.fixture
def svg():
    return SVG(1, (3, 4), (1, 1), code=4, latent=2, recurrent=3)


@pytest.fixture
def clips():
    return torch.rand(2, 4, 1, 16, 16)


@pytest.mark.parametrize("taught", [True, False])
def test_given_frames_are_returned_and_every_other_frame_has_a_draw(svg, clips, taught):
    frames, divergence = svg(clips, torch.randn(2, 3, 2), 2, taught)
    assert frames.shape == clips.shape and torch.equal(frames[:, :2], clips[:, :2])
    assert divergence.shape == (2,) and (divergence > 0).all()


def test_the_divergence_is_of_frames_that_are_seen(svg, clips):
    noise = torch.randn(2, 3, 2)
    with torch.no_grad():
        assert torch.equal(svg(clips, noise, 4).divergence, svg(clips, noise, 2, taught=True).divergence)


def test_impossible_clips_are_refused(svg, clips):
    noise = torch.randn(2, 3, 2)
    with pytest.raises(ValueError, match="frames must be 16x16 for this many blocks, got 8x16"):
        svg(clips[..., :8, :], noise, 2)
    with pytest.raises(ValueError, match="2 frames or more must be given, got 1"):
        svg(clips, noise, 1)
