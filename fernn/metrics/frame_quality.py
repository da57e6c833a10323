"""How near predicted frames are to the true ones: error, PSNR and SSIM of each frame, by torchmetrics."""

import torch
from torch import Tensor


def frame_quality(predicted: Tensor, true: Tensor) -> dict[str, Tensor]:
    """Of frames (b, t, c, h, w) in [0, 1]: "mse", "psnr" in dB, "ssim" and "ssim_published", each (b, t).

    "ssim" has a Gaussian window of 11 pixels and data range 1. "ssim_published" is as the published numbers of Noether
    Networks are made: a uniform window of 7 pixels, whole inside the frame, and data range 2, which brings every value
    nearer to 1.
    """
    from torchmetrics.functional.image import structural_similarity_index_measure as ssim  # it takes seconds to import

    pair = predicted.clamp(0, 1).flatten(0, 1), true.flatten(0, 1)
    errors = (pair[0] - pair[1]).square().mean(dim=(1, 2, 3))
    _, whole = ssim(
        *pair, data_range=2.0, gaussian_kernel=False, kernel_size=7, reduction="none", return_full_image=True
    )
    found = {
        "mse": errors,
        "psnr": -10 * torch.log10(errors.clamp(min=1e-10)),
        "ssim": ssim(*pair, data_range=1.0, reduction="none"),
        "ssim_published": whole[..., 3:-3, 3:-3].mean(dim=(1, 2, 3)),
    }
    return {name: torch.as_tensor(values).view(true.shape[:2]) for name, values in found.items()}
