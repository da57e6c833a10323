"""Energy spectra: their rings are the published ones."""

import math

import torch

from fernn.metrics.energy_spectrum import log_spectrum, ring_of, spectrum_error


def windows(count=2, num_frames=5, size=16, seed=0):
    return torch.randn(count, num_frames, 2, size, size, generator=torch.manual_seed(seed))


def test_the_spectrum_has_the_published_rings_and_no_error_against_itself():
    fields = windows(2, 10, 64)
    found = log_spectrum(fields)
    assert found.shape == (2, 43) and spectrum_error(found, found).tolist() == [0, 0]
    stronger = log_spectrum(fields * 10)
    torch.testing.assert_close(stronger - found, torch.full_like(found, 4.0))  # energy of energy: the fourth power
    assert log_spectrum(torch.zeros(1, 3, 2, 8, 8)).isfinite().all()


def test_a_ring_is_where_the_published_code_has_it():
    rings = ring_of(64)
    assert rings[32, 32] == 0 and rings[31, 31] == 0 and rings[32, 34] == 2 and rings.max() == 44
    wave = torch.cos(2 * math.pi * 8 * torch.arange(64) / 64)
    field = torch.stack([wave.expand(64, 64), torch.zeros(64, 64)])[None]
    moving = torch.stack([field * a for a in (-1.0, 1.0)], dim=1)  # its energy has 16 waves across
    assert log_spectrum(moving)[0].argmax() + 1 in (15, 16)
