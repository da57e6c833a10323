"""How near predicted frames are to the true ones, by torchmetrics: error, PSNR and SSIM, and LPIPS on given weights.

Source of LPIPS, a distance of pictures in the features of a network for photographs: Zhang et al., "The Unreasonable
Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018, version 0.1.
"""

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

FIRST = "features.0.weight"
NETWORKS: Mapping[tuple[int, ...], Literal["alex", "vgg"]] = {(64, 3, 11, 11): "alex", (64, 3, 3, 3): "vgg"}
"""By the shape of the first convolution's kernel: torchvision's alexnet and vgg16."""
SMALLEST = {"alex": 31, "vgg": 16}
"""Height and width that the network's pooling leaves a pixel of."""


def frame_quality(predicted: Tensor, true: Tensor) -> dict[str, Tensor]:
    """Of frames (b, t, c, h, w) in [0, 1]: "mse", "psnr" in dB, "ssim", and both as published, each (b, t).

    "psnr" is that of the frame's error; "psnr_published", as the published numbers of Noether Networks are made, the
    mean of the channels' own, which is never smaller. "ssim" has a Gaussian window of 11 pixels and data range 1;
    "ssim_published", as those numbers too, a uniform window of 7 pixels, whole inside the frame, variances of a sample,
    and data range 2. That brings every value nearer to 1.
    """
    from torchmetrics.functional.image import structural_similarity_index_measure as ssim  # it takes seconds to import

    pair = predicted.clamp(0, 1).flatten(0, 1), true.flatten(0, 1)
    by_channel = (pair[0] - pair[1]).square().mean(dim=(2, 3))
    errors = by_channel.mean(dim=1)
    sample = {"k2": 0.03 * (48 / 49) ** 0.5}  # as if (co)variances of 49 pixels were 49 / 48 times as large
    _, whole = ssim(
        *pair, data_range=2.0, gaussian_kernel=False, kernel_size=7, reduction="none", return_full_image=True, **sample
    )
    metrics = {
        "mse": errors,
        "psnr": decibels(errors),
        "psnr_published": decibels(by_channel).mean(dim=1),
        "ssim": ssim(*pair, data_range=1.0, reduction="none"),
        "ssim_published": whole[..., 3:-3, 3:-3].mean(dim=(1, 2, 3)),
    }
    return {name: torch.as_tensor(values).view(true.shape[:2]) for name, values in metrics.items()}


def decibels(errors: Tensor) -> Tensor:
    """The PSNR of mean squared errors of values in [0, 1], at most 100 dB."""
    return -10 * torch.log10(errors.clamp(min=1e-10))


class Perceptual:
    """LPIPS with a backbone's weights as torchvision names them; the linear layers' are torchmetrics' own.

    Raises ValueError for weights that are of neither alexnet nor vgg16. Nothing is downloaded.
    """

    def __init__(self, weights: Mapping[str, Tensor], sha256: str = "") -> None:
        """``sha256`` names the weights where results are kept."""
        from torchmetrics.functional.image.lpips import _NoTrainLpips  # it takes seconds to import

        shape = tuple(weights[FIRST].shape) if FIRST in weights else None
        if shape is None or shape not in NETWORKS:
            raise ValueError(f"LPIPS needs torchvision's weights of alexnet or vgg16, {FIRST} is {shape or 'missing'}")
        self.name, self.sha256 = NETWORKS[shape], sha256
        with torch.random.fork_rng(devices=[]):  # the backbone is drawn, then given its weights
            self._network = _NoTrainLpips(net=self.name, pnet_rand=True)
        wanted = {name: f"features.{name.partition('.')[2]}" for name in self._network.net.state_dict()}
        if missing := sorted(set(wanted.values()) - weights.keys()):
            raise ValueError(f"LPIPS needs torchvision's weights of {self.name}: {missing[0]} is missing")
        if others := [name for name in sorted(wanted.values()) if not weights[name].is_floating_point()]:
            raise ValueError(f"LPIPS needs floating-point weights, {others[0]} is {weights[others[0]].dtype}")
        self._network.net.load_state_dict({name: weights[theirs] for name, theirs in wanted.items()})

    def require_size(self, size: int) -> None:
        """ValueError for frames, ``size`` pixels high or wide, of which the network's pooling leaves nothing."""
        if size < SMALLEST[self.name]:
            least = ", ".join(f"{pixels} by {name}" for name, pixels in SMALLEST.items())
            raise ValueError(
                f"LPIPS needs frames of at least this many pixels a side: {least}; got {size} by {self.name}"
            )

    @torch.no_grad()
    def distance(self, predicted: Tensor, true: Tensor) -> Tensor:
        """The distances (b, t) of frames (b, t, c, h, w) in [0, 1], c 1 or 3; what is beyond is cut off.

        Grey frames are shown as three equal channels; frames are mapped to [-1, 1]. Raises ValueError for smaller
        frames than the network can see.
        """
        self.require_size(min(true.shape[-2:]))
        network = self._network.to(device=true.device)
        pair = [2 * _in_color(frames.float().clamp(0, 1)) - 1 for frames in (predicted, true)]
        distances: Tensor = network(*pair)
        return distances.view(true.shape[:2])


def _in_color(frames: Tensor) -> Tensor:
    """Frames (b, t, c, h, w) as pictures (b * t, 3, h, w)."""
    if frames.shape[2] not in (1, 3):
        raise ValueError(f"LPIPS is of frames of 1 or 3 channels, got {frames.shape[2]}")
    return frames.flatten(0, 1).expand(-1, 3, -1, -1)
