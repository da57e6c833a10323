"""Pictures of the rod: red on white, with a black pivot, as Gymnasium draws its pendulum but for the torque's arrow.

Colors and proportions are Gymnasium's: the picture shows 2.2 m to each side of the pivot, the rod is 0.2 m wide with
round ends. The arrow is left out, so that a torque is seen by what it does alone.
"""

import numpy as np
from numpy.typing import NDArray

from data.controlled_pendulum.dynamics import Numbers, tips

RENDERER = 1
"""Counts up when equal states give other pictures than before."""
BOUND, ROD_RADIUS, PIVOT_RADIUS = 2.2, 0.1, 0.05
WHITE, RED, BLACK = (np.array(color, dtype=np.float64) for color in ((255,) * 3, (204, 77, 77), (0,) * 3))
ROUNDED = 6
"""Decimals of the angles that are drawn, so that the last bits of a machine's sine cannot be seen."""


def drawn(angles: Numbers, size: int) -> NDArray[np.uint8]:
    """The frames (t, size, size, 3) of rods with these angles (t,); an edge's pixels have the share that is covered."""
    ends = tips(np.round(angles, ROUNDED))[:, None, None]
    places = _places(size)
    along = np.clip((places * ends).sum(axis=-1, keepdims=True), 0, 1)
    rod = _covered(places - along * ends, ROD_RADIUS, size)
    picture = WHITE + rod[..., None] * (RED - WHITE)
    picture += _covered(places, PIVOT_RADIUS, size)[..., None] * (BLACK - picture)
    return np.rint(picture).astype(np.uint8)


def _places(size: int) -> Numbers:
    """Where the pixels' middles are, (size, size, 2): to the right and up from the pivot, m."""
    right = ((np.arange(size) + 0.5) / size * 2 - 1) * BOUND
    return np.stack(np.meshgrid(right, -right), axis=-1)


def _covered(offsets: Numbers, radius: float, size: int) -> Numbers:
    """How much of each pixel lies within ``radius`` of a shape, by the pixel's offset from it, m."""
    pixel = 2 * BOUND / size
    return np.clip((radius - np.linalg.norm(offsets, axis=-1)) / pixel + 0.5, 0, 1)
