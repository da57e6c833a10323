"""Where a conserved embedding looks: Grad-CAM of its principal components, by captum.

Source: Selvaraju et al., "Grad-CAM", ICCV 2017; of the embedding's components, Alet et al., "Noether Networks", 2021.
"""

import torch
from torch import Tensor, nn

from fernn.models.noether.quantities import FrameQuantity

NUM_COMPONENTS = 3


class Components(nn.Module):
    """Windows of frames (n, c, s, s) to the first principal components of their embeddings, (n, k)."""

    def __init__(self, embedding: FrameQuantity, windows: Tensor, number: int) -> None:
        super().__init__()
        self.embedding = embedding
        with torch.no_grad():
            embeddings = embedding.of_windows(windows).double()
            self.mean = embeddings.mean(dim=0)
            directions = torch.linalg.svd(embeddings - self.mean, full_matrices=False).Vh[:number]
        # a component's sign is free, and differs between libraries: here its largest entry is positive
        signs = directions.gather(1, directions.abs().argmax(dim=1, keepdim=True)).sign()
        self.directions = directions * signs

    def forward(self, windows: Tensor) -> Tensor:
        return (self.embedding.of_windows(windows).double() - self.mean) @ self.directions.T


def grad_cam(embedding: FrameQuantity, windows: Tensor, number: int = NUM_COMPONENTS) -> Tensor:
    """Heat-maps (n, number, s, s) of windows (n, c, s, s), each from 0 to 1.

    Of the last convolution's maps A after ReLU and a component y: ReLU(sum_c mean(dy/dA_c) A_c), resized to the
    frames. The components are those of the windows given, of which there must be at least as many.
    """
    from captum.attr import LayerAttribution, LayerGradCam  # it takes seconds to import

    network = Components(embedding, windows, number)
    method = LayerGradCam(network, embedding.features[4])
    with torch.enable_grad():
        maps = [method.attribute(windows, target=k, relu_attributions=True).detach() for k in range(number)]
    size = windows.shape[-2:]
    large = torch.cat([LayerAttribution.interpolate(heat_map, size, "bilinear") for heat_map in maps], dim=1)
    return large / large.amax(dim=(2, 3), keepdim=True).clamp(min=torch.finfo(large.dtype).tiny)
