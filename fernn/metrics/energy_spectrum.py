"""The energy spectrum of predicted flow, and how far it is from the true one.

Source: Wang, Walters and Yu, ICLR 2021, section 5, as computed in the published code.
"""

import torch
from torch import Tensor

SMALLEST = 1e-30
"""Of an energy whose logarithm is taken: a prediction that stands still has none."""


def turbulent_energy(fields: Tensor) -> Tensor:
    """(Var u + Var v) / 2 over time (b, h, w) of fields (b, t, 2, h, w), the variance being the population's."""
    return fields.double().var(dim=1, correction=0).mean(dim=1)


def log_spectrum(fields: Tensor) -> Tensor:
    """log10 of the energy spectrum (b, bins) of fields (b, t, 2, h, w), h = w.

    The spectrum is |FFT of the turbulent kinetic energy|^2, averaged over rings of one pixel around the picture's
    middle ((n - 1) / 2, half a pixel off the zero frequency, as published). The innermost ring and the outermost one
    are left out: 43 rings for 64 x 64 pixels.
    """
    power = torch.fft.fftshift(torch.fft.fft2(turbulent_energy(fields)), dim=(-2, -1)).abs().square()
    rings = ring_of(power.shape[-1]).to(power.device).flatten()
    sums = power.new_zeros(len(power), int(rings.max()) + 1).index_add_(1, rings, power.flatten(1))
    means = sums / torch.bincount(rings)
    return means[:, 1:-1].clamp_min(SMALLEST).log10()


def ring_of(size: int) -> Tensor:
    """The ring (size, size) of every pixel: its distance to the middle, cut off to a whole number."""
    offsets = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    return torch.hypot(offsets[:, None], offsets[None]).long()


def spectrum_error(predicted: Tensor, truth: Tensor) -> Tensor:
    """Mean squared difference (b,) of the log spectra (b, bins); ESE is the root of its mean over samples."""
    return (predicted - truth).square().mean(dim=1)
