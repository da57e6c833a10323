"""Moving digits as frames, whole batches at once.

A digit that drifts is a window that moves over four copies of its picture, so a frame is one copy of memory; a digit
that turns is sampled at all times by one call. Both equal what a loop over samples, digits and frames gives.
"""

import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from torch import Tensor

from data.mnist.schema import Pictures
from fernn.config import DIGIT

ROTATION_MARGIN = 6
"""Pixels of zeros around a digit that is turned: its corners then stay inside."""


def draw_translating(
    pictures: Pictures, velocities: NDArray[np.int64], starts: NDArray[np.int64], num_frames: int, size: int
) -> Tensor:
    """Digits (b, d, 28, 28) that drift on the torus, added and cut off at white: uint8 (b, t, size, size).

    ``velocities`` and ``starts`` (b, d, 2) hold (vy, vx) and (y, x), positive down and right.
    """
    before = (size - DIGIT) // 2
    padded = np.zeros((*pictures.shape[:2], size, size), np.uint8)
    padded[..., before : before + DIGIT, before : before + DIGIT] = pictures
    tiled = np.tile(padded, (1, 1, 2, 2))
    windows = sliding_window_view(tiled, (size, size), axis=(2, 3))  # type: ignore[call-overload]
    moved = (starts[:, :, None] + velocities[:, :, None] * np.arange(num_frames)[:, None]) % size
    sequence = np.arange(len(pictures))[:, None]
    frames = np.zeros((len(pictures), num_frames, size, size), np.uint8)
    for digit in range(pictures.shape[1]):
        corner = size - moved[:, digit]  # a picture moved by m begins m before the second copy
        drawn = windows[sequence, digit, corner[..., 0], corner[..., 1]]
        np.add(frames, np.minimum(drawn, 255 - frames), out=frames)
    return torch.from_numpy(frames)


def draw_rotating(
    pictures: Pictures,
    velocities: NDArray[np.float64],
    starts: NDArray[np.float64],
    num_frames: int,
    size: int,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Digits (b, d, 28, 28) that turn about the centre, added and cut off at 1: float32 (b, t, size, size).

    ``velocities`` and ``starts`` (b, d, 1) hold degrees per frame and degrees, positive counter-clockwise. Every
    frame is sampled from the picture that has not been turned, bilinearly.
    """
    side = DIGIT + 2 * ROTATION_MARGIN
    still = F.pad(torch.from_numpy(pictures).to(device, non_blocking=True).float().div_(255), [ROTATION_MARGIN] * 4)
    angles = starts + velocities * np.arange(num_frames)  # (b, d, t)
    grid = rotation_grids(torch.from_numpy(angles).flatten(0, 1), side, size).to(device, non_blocking=True)
    turned = F.grid_sample(still.flatten(0, 1)[:, None], grid, padding_mode="zeros", align_corners=True)
    frames = turned.view(*pictures.shape[:2], num_frames, *turned.shape[-1:], -1)
    return frames.sum(dim=1).clamp_(max=1) if frames.shape[1] > 1 else frames[:, 0]


def rotation_grids(degrees: Tensor, side: int, size: int) -> Tensor:
    """Where the pixels of all frames come from, for ``grid_sample``: (n, t * size, size, 2) of angles (n, t).

    The middle ``size`` pixels of pictures of ``side`` pixels; beyond the picture there are zeros.
    """
    radians = degrees * (math.pi / 180)
    cosine, sine = radians.cos().float()[..., None, None], radians.sin().float()[..., None, None]
    places = _places(side, size)
    x, y = places[None, None, None, :], places[None, None, :, None]
    grid = torch.stack([cosine * x - sine * y, sine * x + cosine * y], dim=-1)
    return grid.flatten(1, 2)


def _places(side: int, size: int) -> Tensor:
    """Pixel centres along one axis, -1 and 1 at the first and last of ``side``: the middle ``size`` of them."""
    first: Any = -((size - side) // 2) if size > side else (side - size) // 2
    return torch.linspace(-1, 1, side) if size == side else (2 * (torch.arange(size) + first) / (side - 1) - 1).float()
