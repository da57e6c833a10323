"""Triton's kernels of the moving-frame step beside PyTorch's calls, on the GPU, in float32 and bfloat16."""

from importlib import import_module
from itertools import product

import pytest
import torch

from fernn.layers import moving_frame

pytest.importorskip("triton")
pytestmark = [pytest.mark.gpu, pytest.mark.usefixtures("exactly_repeated")]
SHIFTS = [(0, 0), (1, -2), (-3, 0), (7, 9)], [(2, -1)], [(dy, dx) for dy in range(-2, 3) for dx in range(-2, 3)]
SIZES = (1, 3, 5, 2), (2, 7, 33, 8), (2, 32, 32, 128)
"""Clips, height, width, channels."""


@pytest.mark.parametrize("size, shifts", list(product(SIZES, SHIFTS)))
@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("dtype, allowed", [(torch.float32, 1e-6), (torch.bfloat16, 2**-7)])
def test_a_step_and_its_gradients_are_those_of_the_calls(size, shifts, activation, dtype, allowed, gpu, monkeypatch):
    state, drive = (torch.randn(size[0], number, *size[1:], device=gpu, dtype=dtype) for number in (len(shifts), 1))
    kernel = (torch.randn(size[-1], size[-1], 3, 3, device=gpu) / (3 * size[-1] ** 0.5)).to(dtype)
    inputs, found = [one.requires_grad_() for one in (state, kernel, drive)], []
    for kernels in (None, import_module("fernn.layers.moving_frame_triton")):
        monkeypatch.setattr(moving_frame, "KERNELS", kernels)
        after = moving_frame.advance(*inputs, shifts, activation)
        weights = torch.linspace(-1, 1, after.numel(), device=gpu, dtype=dtype).view_as(after)
        found.append([after, *torch.autograd.grad(after, inputs, weights)])
    for expected, ours in zip(*found, strict=True):
        error = (ours - expected).abs().max() / expected.abs().max().clamp_min(1.0)
        assert error <= allowed
