"""LPIPS: parity with torchmetrics, and what is refused."""

import pytest
import torch
import torchvision
from torchmetrics.functional.image import lpips as library

from fernn.metrics.lpips import Perceptual


@pytest.fixture(scope="module")
def backbone():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return torchvision.models.alexnet(weights=None).features


@pytest.fixture(scope="module")
def weights(backbone):
    return {f"features.{name}": value for name, value in backbone.state_dict().items()}


@pytest.mark.parametrize("channels", [1, 3])
def test_distances_are_those_of_torchmetrics(channels, backbone, weights, monkeypatch):
    draws = torch.Generator().manual_seed(1)
    predicted, true = (torch.rand(2, 3, channels, 32, 32, generator=draws) for _ in range(2))
    before = torch.random.get_rng_state()
    found = Perceptual(weights).distance(predicted * 1.5 - 0.2, true)
    assert torch.equal(torch.random.get_rng_state(), before)
    monkeypatch.setattr(library, "_get_tv_model_features", lambda *named: backbone)
    pair = [x.clamp(0, 1).flatten(0, 1).expand(-1, 3, -1, -1) * 2 - 1 for x in (predicted * 1.5 - 0.2, true)]
    expected = library.learned_perceptual_image_patch_similarity(*pair, net_type="alex", reduction="none")
    torch.testing.assert_close(found.flatten(), expected)
    assert found.shape == (2, 3) and found.min() > 0


def test_equal_frames_have_no_distance_and_small_or_many_channels_are_refused(weights):
    network, frames = Perceptual(weights), torch.rand(1, 2, 1, 31, 31)
    assert network.distance(frames, frames).tolist() == [[0, 0]]
    with pytest.raises(ValueError, match="31 by alex, 16 by vgg; got 16 by alex"):
        network.distance(frames[..., :16, :16], frames[..., :16, :16])
    with pytest.raises(ValueError, match="1 or 3 channels, got 2"):
        network.distance(frames.expand(-1, -1, 2, -1, -1), frames.expand(-1, -1, 2, -1, -1))
