"""Moving digits, drawn whole batches at once, equal a plain loop."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from data.mnist.render import draw_rotating, draw_translating
from fernn.flows import RotationFlow


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


@pytest.mark.parametrize("size", [40, 28, 44])
def test_turning_digits_equal_a_plain_loop(size):
    random = np.random.default_rng(2)
    pictures = random.integers(0, 256, (2, 2, 28, 28)).astype(np.uint8)
    velocities, starts = np.array([[[10.0], [-40.0]], [[0.0], [90.0]]]), random.uniform(0, 360, (2, 2, 1))
    found = draw_rotating(pictures, velocities, starts, 4, size)
    flow, cut = RotationFlow((0,), 1), (size - 40) // 2
    for sample in range(2):
        for time in range(4):
            still = [F.pad(torch.from_numpy(pictures[sample, digit]) / 255, [6] * 4) for digit in range(2)]
            angles = (starts[sample] + time * velocities[sample])[:, 0]
            planes = [F.pad(flow.act(plane, angle), [cut] * 4) for plane, angle in zip(still, angles, strict=True)]
            torch.testing.assert_close(found[sample, time], sum(planes).clamp(max=1), rtol=0, atol=2e-5)
