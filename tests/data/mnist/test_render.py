"""Moving digits, drawn whole batches at once, equal a plain loop.

The loops follow akandykeller/FERNN @7def7bc: moving_mnist_fp/moving_mnist_dataset.py (101-130) for digits that drift,
whose sums are cut off here in whole grey levels, and rotating_mnist_fp/rotating_mnist_dataset.py (90-145) for digits
that turn.
"""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from data.mnist.render import draw_rotating, draw_translating


@pytest.mark.parametrize("size", [28, 31])
def test_drifting_digits_equal_a_plain_loop(size):
    random = np.random.default_rng(1)
    pictures = random.integers(0, 256, (3, 2, 28, 28)).astype(np.uint8)
    velocities, starts = random.integers(-3, 4, (3, 2, 2)), random.integers(0, size, (3, 2, 2))
    found = draw_translating(pictures, velocities, starts, 7, size)
    extra = size - 28
    for sample in range(3):
        for time in range(7):
            planes = []
            for digit in range(2):
                pad = (extra // 2, extra - extra // 2)
                plane = torch.from_numpy(np.pad(pictures[sample, digit], (pad, pad)))
                move = tuple((starts[sample, digit] + time * velocities[sample, digit]).tolist())
                planes.append(torch.roll(plane.int(), move, (0, 1)))
            assert torch.equal(found[sample, time].int(), sum(planes).clamp(max=255))


def turned(picture, degrees, size):
    """A picture of 28 pixels, padded so that its corners stay inside, turned, then cut or padded to the size."""
    margin = math.ceil(28 * math.sqrt(2) / 2) - 14
    padded = F.pad(torch.from_numpy(picture) / 255, [margin] * 4)[None, None]
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix = torch.tensor([[[cos, -sin, 0], [sin, cos, 0]]], dtype=torch.float32)
    grid = F.affine_grid(matrix, list(padded.shape), align_corners=True)
    found = F.grid_sample(padded, grid, mode="bilinear", padding_mode="zeros", align_corners=True)[0, 0]
    return F.pad(found, [(size - len(found)) // 2] * 4)  # a negative number cuts


@pytest.mark.parametrize("size", [40, 28, 44])
def test_turning_digits_equal_a_plain_loop(size):
    random = np.random.default_rng(2)
    pictures = random.integers(0, 256, (2, 2, 28, 28)).astype(np.uint8)
    velocities, starts = np.array([[[10.0], [-40.0]], [[0.0], [90.0]]]), random.uniform(0, 360, (2, 2, 1))
    found = draw_rotating(pictures, velocities, starts, 4, size)
    for sample in range(2):
        for time in range(4):
            angles = (starts[sample] + time * velocities[sample])[:, 0]
            planes = [turned(*pair, size) for pair in zip(pictures[sample], angles, strict=True)]
            torch.testing.assert_close(found[sample, time], sum(planes).clamp(max=1), rtol=0, atol=2e-5)
