"""Symmetries of velocity fields: windows that move along, are weaker or stronger, turned, or larger and slower.

Frames are (b, t, c, h, w) with (u, v), u to the right and v up the picture, and a temperature T where c is 3. If
w(x, t) solves the equations of motion without forcing, so do

    uniform motion   w(x, t) + c (after a change of frame, which a field that is constant in space needs none of)
    magnitude        s w(x, t), where advection is weak
    rotation         R w(R^-1 x, t)
    scale            w(x / f, t / f^2) / f

A temperature that is carried along and diffuses, T_t + w . grad T = k laplace T, is a scalar: uniform motion leaves it
as it is, and a rotation moves it with its places. Its equation is linear, so that a factor of its own is free: in
magnitude and in scale it is that of w. Its zero is that of the clips.

The published script differs. It saves fields that are not turned as the turned ones, quantised to 256 levels; it has
no seed; its scaled samples have sizes of their own, and factors below 1 leave too few frames. Here turns are exact
quarter turns, and scaled windows keep their size, with factors from 1 to 5.
Source: Wang, Walters and Yu, ICLR 2021, section 5.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

MOST_MOTION, MOST_MAGNITUDE, MOST_SCALE = 2.0, 2.0, 5.0
"""Limits: of motion in standard deviations of the data, either way; of magnitudes, from 0; of scales, from 1."""
PARAMETERS = ("motion_u", "motion_v", "magnitude", "quarter_turns", "scale")


def in_motion(frames: Tensor, motion: Tensor) -> Tensor:
    """Frames (b, t, c, h, w) whose velocities have ``motion`` (b, 2) more."""
    added = F.pad(motion, (0, frames.shape[2] - motion.shape[1]))
    return frames + added[:, None, :, None, None]


def quarter_turned(fields: Tensor, quarters: int) -> Tensor:
    """Fields (..., c, h, w) turned counter-clockwise by quarter turns; only signs change, so it is exact."""
    u, v, *scalars = torch.rot90(fields, quarters, dims=(-2, -1)).unbind(dim=-3)
    turned = ((u, v), (-v, u), (-u, -v), (v, -u))[quarters % 4]
    return torch.stack([*turned, *scalars], dim=-3)


def scaled(frames: Tensor, factor: float) -> Tensor:
    """A window (t, c, h, w) grown by f about the centre, slowed by f^2 from the first frame on and weakened by f.

    It keeps its size. Interpolation is trilinear; f is 1 or more, so that nothing beyond the window is asked for.
    """
    if factor < 1:
        raise ValueError(f"scale must be 1 or more, as what lies beyond a window is not known, got {factor:g}")
    num_frames, height, width = frames.shape[0], frames.shape[-2], frames.shape[-1]
    t = torch.arange(num_frames, device=frames.device) / (factor**2 * max(1, num_frames - 1) / 2) - 1
    y, x = (torch.linspace(-1, 1, size, device=frames.device) / factor for size in (height, width))
    grid = torch.stack(torch.meshgrid(t, y, x, indexing="ij")[::-1], dim=-1)
    moved = F.grid_sample(frames.float().transpose(0, 1)[None], grid[None].float(), align_corners=True)
    return moved[0].transpose(0, 1).to(frames.dtype) / factor


SHIFTS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "um": lambda frames, parameters: in_motion(frames, parameters[:, :2]),
    "mag": lambda frames, parameters: frames * parameters[:, 2, None, None, None, None],
    "rot": lambda frames, parameters: torch.stack(
        [quarter_turned(window, int(turns)) for window, turns in zip(frames, parameters[:, 3], strict=True)]
    ),
    "scale": lambda frames, parameters: torch.stack(
        [scaled(window, float(factor)) for window, factor in zip(frames, parameters[:, 4], strict=True)]
    ),
}
"""By the short name that metrics have them under: frames (b, t, c, h, w) and parameters (b, 5) to shifted frames."""
