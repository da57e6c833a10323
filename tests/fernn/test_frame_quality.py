"""Quality of frames: the metrics are those of the literature, LPIPS that of torchmetrics.

The published SSIM and error are those of dylandoblar/noether-networks @c7a65a2, video_prediction/utils.py: eval_seq
(261-276) and mse_metric (256-259), LPIPS is evaluate_noether_net.py (196-201, 274-276). The published PSNR is a mean
over channels (utils.py 271-273), "psnr" is that of the frame's error.
"""

import numpy as np
import pytest
import torch
import torchvision
from scipy.ndimage import uniform_filter
from torchmetrics.functional.image import lpips as library

from fernn.frame_quality import Perceptual, frame_quality


def published_ssim(one, other, data_range=2.0):
    """skimage's compare_ssim as eval_seq calls it, with its defaults.

    Windows of 7 pixels, each pixel alike, whole inside the frame; floats have a range of 2 (-1 to 1); variances and
    covariances are those of a sample, 49 / 48 of those of a population.
    """
    factor = 49 / 48
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    mean, mean_o = uniform_filter(one, 7), uniform_filter(other, 7)
    variance = factor * (uniform_filter(one**2, 7) - mean**2)
    variance_o = factor * (uniform_filter(other**2, 7) - mean_o**2)
    covariance = factor * (uniform_filter(one * other, 7) - mean * mean_o)
    found = (2 * mean * mean_o + c1) * (2 * covariance + c2)
    found /= (mean**2 + mean_o**2 + c1) * (variance + variance_o + c2)
    return found[3:-3, 3:-3].mean()


def published_psnr(true, predicted):
    """skimage 0.17's compare_psnr of one channel, with its defaults: floats without a negative have a range of 1."""
    largest = 1.0 if true.min() >= 0 else 2.0
    return 10 * np.log10(largest**2 / np.mean((true - predicted) ** 2, dtype=np.float64))


def test_the_published_psnr_is_a_mean_over_channels():
    """Channels of very different errors: that of the frame is far smaller."""
    noise = torch.rand(2, 3, 3, 12, 16, dtype=torch.float64) * torch.tensor([0.3, 0.03, 0.003])[:, None, None]
    true = torch.rand(2, 3, 3, 12, 16, dtype=torch.float64) * 0.6
    found = frame_quality(true + noise, true)
    for i, t in np.ndindex(2, 3):
        each = [published_psnr(true[i, t, c].numpy(), (true + noise)[i, t, c].numpy()) for c in range(3)]
        assert found["psnr_published"][i, t].item() == pytest.approx(sum(each) / 3, abs=1e-9)
    assert (found["psnr_published"] > found["psnr"] + 10).all()
    grey = frame_quality((true + noise)[:, :, :1], true[:, :, :1])
    assert torch.equal(grey["psnr_published"], grey["psnr"])


def test_metrics_are_those_of_the_literature():
    true = torch.rand(2, 3, 2, 16, 16, dtype=torch.float64)
    predicted = (true + 0.1 * torch.randn_like(true)).clamp(0, 1)
    found = frame_quality(predicted, true)
    errors = (predicted - true).square().mean(dim=(2, 3, 4))
    torch.testing.assert_close(found["mse"], errors)
    torch.testing.assert_close(found["psnr"], 10 * torch.log10(1 / errors))
    for i, t in np.ndindex(2, 3):
        channels = [(predicted[i, t, c].numpy(), true[i, t, c].numpy()) for c in range(2)]
        each = [published_ssim(*pair) for pair in channels]
        assert found["ssim_published"][i, t].item() == pytest.approx(np.mean(each), abs=1e-6)
    perfect = frame_quality(true, true)
    assert torch.allclose(perfect["ssim"], torch.ones(2, 3, dtype=torch.float64))
    pale = 0.45 + 0.1 * true
    found = frame_quality(pale + 0.02 * torch.randn_like(pale), pale)
    assert (found["ssim_published"] > found["ssim"] + 0.02).all()  # the larger range inflates it where contrast is low


def test_the_published_ssim_has_the_variances_of_a_sample_where_contrast_is_low():
    """There those of a population would make it up to 0.0104 higher."""
    smooth = torch.nn.functional.interpolate(torch.rand(1, 5, 6, 6), size=(48, 48), mode="bicubic")[0].double()
    pale = 0.4 + 0.2 * smooth.clamp(0, 1)
    noisy = (pale + 0.05 * torch.randn_like(pale)).clamp(0, 1)
    found = frame_quality(noisy[None, :, None], pale[None, :, None])["ssim_published"][0]
    published = [published_ssim(*pair) for pair in zip(noisy.numpy(), pale.numpy(), strict=True)]
    torch.testing.assert_close(found, torch.tensor(published), rtol=0, atol=1e-6)


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
