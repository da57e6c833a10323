"""Metrics of frames against their definitions."""

import numpy as np
import pytest
import torch
from scipy.ndimage import uniform_filter

from fernn.metrics.frame_quality import frame_quality
from fernn.metrics.grad_cam import Components, grad_cam
from fernn.models.noether.quantities import FrameQuantity


def plain_ssim(one, other, data_range):
    """Uniform windows of 7 pixels, the border left out, as skimage's default but for the population's variance."""
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    mean, mean_o = uniform_filter(one, 7), uniform_filter(other, 7)
    variance, variance_o = uniform_filter(one**2, 7) - mean**2, uniform_filter(other**2, 7) - mean_o**2
    covariance = uniform_filter(one * other, 7) - mean * mean_o
    found = (2 * mean * mean_o + c1) * (2 * covariance + c2)
    found /= (mean**2 + mean_o**2 + c1) * (variance + variance_o + c2)
    return found[3:-3, 3:-3].mean()


def test_metrics_are_those_of_the_literature():
    true = torch.rand(2, 3, 2, 16, 16, dtype=torch.float64)
    predicted = (true + 0.1 * torch.randn_like(true)).clamp(0, 1)
    found = frame_quality(predicted, true)
    errors = (predicted - true).square().mean(dim=(2, 3, 4))
    torch.testing.assert_close(found["mse"], errors)
    torch.testing.assert_close(found["psnr"], 10 * torch.log10(1 / errors))
    for i, t in np.ndindex(2, 3):
        each = [plain_ssim(predicted[i, t, c].numpy(), true[i, t, c].numpy(), 2.0) for c in range(2)]
        assert found["ssim_published"][i, t].item() == pytest.approx(np.mean(each), abs=1e-6)
    perfect = frame_quality(true, true)
    assert torch.allclose(perfect["ssim"], torch.ones(2, 3, dtype=torch.float64))
    pale = 0.45 + 0.1 * true
    found = frame_quality(pale + 0.02 * torch.randn_like(pale), pale)
    assert (found["ssim_published"] > found["ssim"] + 0.02).all()  # the larger range inflates it where contrast is low


def test_heatmaps_are_grad_cam_of_principal_components():
    torch.manual_seed(1)
    embedding = FrameQuantity(channels=1, size=16, width=3, dimensions=5).double()
    windows = torch.rand(6, 2, 16, 16, dtype=torch.float64)
    heat = grad_cam(embedding, windows, 2)
    assert heat.shape == (6, 2, 16, 16) and heat.min() >= 0 and heat.max() <= 1
    network = Components(embedding, windows, 2)
    found = network(windows)
    torch.testing.assert_close(found.mean(dim=0), torch.zeros(2, dtype=torch.float64), rtol=0, atol=1e-12)
    assert found[:, 0].std() > found[:, 1].std()
    maps = embedding.features[:5](windows).detach().requires_grad_()
    rest = embedding.head(embedding.features[5](maps).flatten(1)) @ network.directions[1]
    (gradient,) = torch.autograd.grad(rest.sum(), maps)
    expected = (gradient.mean(dim=(2, 3), keepdim=True) * maps).sum(dim=1, keepdim=True).relu().detach()
    expected = torch.nn.functional.interpolate(expected, (16, 16), mode="bilinear")[:, 0]
    peaks = expected.amax(dim=(1, 2), keepdim=True).clamp(min=1e-300)
    torch.testing.assert_close(heat[:, 1], expected / peaks)
