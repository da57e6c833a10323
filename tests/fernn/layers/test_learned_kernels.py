"""A step of G-RNN+: parity with the step written out slice by slice, and what is kept for the gradient."""

import pytest
import torch
import torch.nn.functional as F

from fernn.layers.learned_kernels import advance_learned, spread
from fernn.layers.moving_frame import channels_last, pixels_last


def circular(maps, kernel, groups=1):
    rows, columns = (size // 2 for size in kernel.shape[-2:])
    return F.conv2d(F.pad(maps, (columns, columns, rows, rows), mode="circular"), kernel, groups=groups)


def written_out(state, learned, kernel, drive):
    """Of slices (v, b, c, h, w), after the equation."""
    slices, channels = [], kernel.shape[0]
    for index, own in enumerate(learned):
        moved = circular(state[index % len(state)], own.expand(channels, 1, -1, -1), groups=channels)
        slices.append(torch.tanh(drive[index % len(drive)] + circular(moved, kernel)))
    return torch.stack(slices)


def fused(state, learned, kernel, drive):
    of_channels = spread(learned, len(kernel))
    return pixels_last(advance_learned(channels_last(state), learned, of_channels, kernel, channels_last(drive)))


def noise(*shape):
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("reach", [(1, 1), (3, 5), (5, 3)])
@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize(("num_before", "num_driven"), [(4, 1), (1, 1), (4, 4), (1, 4)])
def test_a_step_and_its_gradients_are_those_written_out(num_before, num_driven, size, reach):
    inputs = (
        noise(num_before, 2, 3, 5, 6), noise(4, 1, *reach), noise(3, 3, size, size), noise(num_driven, 2, 3, 5, 6)
    )  # fmt: skip
    ours, plain = fused(*inputs), written_out(*inputs)
    torch.testing.assert_close(ours, plain, rtol=1e-12, atol=1e-12)
    weights = torch.randn_like(plain)
    for one, other in zip(*(torch.autograd.grad(out, inputs, weights) for out in (ours, plain)), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_two_maps_of_a_states_size_are_kept_for_the_gradient():
    kept, before = {}, channels_last(noise(4, 2, 3, 5, 6))
    with torch.autograd.graph.saved_tensors_hooks(lambda one: kept.setdefault(one.data_ptr(), one), lambda one: one):
        learned, drive = noise(4, 1, 3, 3), channels_last(noise(1, 2, 3, 5, 6))
        after = advance_learned(before, learned, spread(learned, 3), noise(3, 3, 3, 3), drive)
    sizes = sorted(one.numel() for place, one in kept.items() if place not in (before.data_ptr(), after.data_ptr()))
    assert sizes == [4 * 9, 3 * 3 * 9, 4 * 3 * 9, 4 * 2 * 3 * 7 * 8]  # kernels, and the moved state with its border
