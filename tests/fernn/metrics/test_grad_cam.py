"""Grad-CAM of principal components, by its definition."""

import torch

from fernn.metrics.grad_cam import Components, grad_cam
from fernn.models.noether.quantities import FrameQuantity


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
