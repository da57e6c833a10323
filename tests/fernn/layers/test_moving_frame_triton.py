"""Triton's kernels beside the calls of PyTorch that they stand in for: in Triton's interpreter, and compiled for a GPU.

Run as a script, in a process of its own, since Triton reads TRITON_INTERPRET when kernels are defined.
"""

import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
import torch

from fernn.flows.periodic import continued, gathered, opposite
from fernn.layers import moving_frame
from fernn.layers.moving_frame import derivative

ROOT = Path(__file__).parents[3]
SHIFTS = [(0, 0), (1, -2), (-3, 0), (7, 9)], [(2, -1)], [(dy, dx) for dy in (-2, 2) for dx in (4, -31)]
SIZES = (1, 3, 5, 2), (2, 2, 3, 1)
"""Clips, height, width, channels."""
ALIKE = list(product((True, False), repeat=2))
"""Whether the states, and the drives, of all slices are one."""


@pytest.mark.parametrize("check", ["equality", "compilation"])
def test_kernels(check):
    environment = os.environ | {"PYTHONPATH": str(ROOT), "FERNN_TRITON": "1", "OMP_NUM_THREADS": "1"}
    environment |= {"TRITON_INTERPRET": "1"} if check == "equality" else {}
    done = subprocess.run([sys.executable, __file__, check], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def noise(dtype, *shape):
    return torch.randn(*shape).to(dtype)


def check_steps(moving_frame, size, shifts, pad, activation, alike):
    """A step and all its gradients by PyTorch's calls and by Triton's kernels, in float32."""
    batch, height, width, channels = size
    number_before, number_driven = (1 if one else len(shifts) for one in alike)
    state, drive = (noise(torch.float32, batch, number, *size[1:]) for number in (number_before, number_driven))
    kernel = noise(torch.float32, channels, channels, 2 * pad + 1, 2 * pad + 1) / 3
    inputs = [one.requires_grad_() for one in (state, kernel, drive)]
    kernels, calls, found = moving_frame.KERNELS, [], []
    for used in (None, Counted(kernels, calls)):
        moving_frame.KERNELS = used
        after = moving_frame.advance(*inputs, shifts, activation)
        found.append([after, *torch.autograd.grad(after, inputs, torch.linspace(-1, 1, after.numel()).view_as(after))])
    moving_frame.KERNELS = kernels
    assert calls == ["advance", "gradients"]
    for expected, ours in zip(*found, strict=True):
        error = (ours - expected).abs().max() / max(1.0, expected.abs().max())
        assert error <= 1e-6, (size, shifts, pad, activation, alike, error)


def check_rounded(kernels, size, shifts, pad, activation, alike):
    """The kernels alone in bfloat16, from the numbers that PyTorch's calls have, to the rounding of each.

    The interpreter rounds toward zero, PyTorch and GPUs to the nearest: a place further in each of two roundings.
    """
    half = torch.bfloat16
    number_before, number_driven = (1 if one else len(shifts) for one in alike)
    carried, drive = (noise(half, size[0], number, *size[1:]) for number in (number_before, number_driven))
    after = getattr(torch, activation)((carried + gathered(drive, shifts)).expand(-1, len(shifts), -1, -1, -1))
    after = after.contiguous()
    ours = kernels.advance(carried, drive, tuple(shifts), activation)
    assert ours.dtype == half and (ours.float() - after.float()).abs().max() <= 2 * 2**-8 * max(1, after.abs().max())
    gradient, shared = torch.randn_like(after), number_driven < len(shifts)
    slopes, around, driven = kernels.gradients(gradient, after, tuple(shifts), activation, shared, pad)
    expected = derivative(gradient, after, activation).float()
    assert torch.all((slopes.float() - expected).abs() <= 2**-7 * expected.abs())
    assert torch.equal(around, continued(slopes, pad))
    total = gathered(slopes, opposite(tuple(shifts))).float()
    total = total.sum(dim=1, keepdim=True) if shared else total
    assert torch.all((driven.float() - total).abs() <= 2**-7 * total.abs() + 1e-6)


class Counted:
    """Triton's kernels, and which were called."""

    def __init__(self, kernels, calls):
        self.kernels, self.calls, self.serves = kernels, calls, kernels.serves

    def advance(self, *given):
        self.calls.append("advance")
        return self.kernels.advance(*given)

    def gradients(self, *given):
        self.calls.append("gradients")
        return self.kernels.gradients(*given)


def check_equality():
    torch.manual_seed(0)
    for number, (shifts, pad) in enumerate(product(SHIFTS, (0, 1, 2))):
        case = SIZES[number // 3 % 2], shifts, pad, ("tanh", "relu")[number // 4 % 2], ALIKE[number % 4]
        check_steps(moving_frame, *case)
        check_rounded(moving_frame.KERNELS, *case)


def check_compilation():
    """For compute capability 9.0, which needs no GPU."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource, compile

    kernels = moving_frame.KERNELS
    for number, relu in (("fp32", False), ("bf16", True)):
        maps, sizes = f"*{number}", ("i32",) * 4
        forward = {"tensors": (maps, maps, "*i32", maps), "sizes": sizes, "shared": ("constexpr",) * 2}
        backward = {"tensors": (maps, maps, "*i32", maps, maps, maps), "sizes": sizes, "shared": "constexpr"}
        options = {"relu": "constexpr", "block": "constexpr"}
        values = {(2, 0): False, (2, 1): True, (3,): relu, (4,): 1024}
        source = ASTSource(fn=kernels._advance, signature=forward | options, constexprs=values)
        assert "cubin" in compile(source, target=GPUTarget("cuda", 90, 32)).asm
        signature = backward | {"relu": "constexpr", "pad": "constexpr", "block": "constexpr"}
        values = {(2,): True, (3,): relu, (4,): 1, (5,): 1024}
        source = ASTSource(fn=kernels._gradients, signature=signature, constexprs=values)
        assert "cubin" in compile(source, target=GPUTarget("cuda", 90, 32)).asm


if __name__ == "__main__":
    {"equality": check_equality, "compilation": check_compilation}[sys.argv[1]]()
