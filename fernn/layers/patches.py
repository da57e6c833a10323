"""Frames as maps of patches, and back."""

from torch import Tensor


def to_patches(frames: Tensor, size: int) -> Tensor:
    """Frames (..., c, h, w) as maps (..., size * size * c, h / size, w / size).

    A channel is a place in a patch: its row slowest, then its column, then the frame's channel. Raises ValueError
    where patches do not fill the frame.
    """
    rows, columns = frames.shape[-2:]
    if rows % size or columns % size:
        raise ValueError(f"patches of {size}x{size} pixels must fill the frame, got frames of {rows}x{columns}")
    parts = frames.unflatten(-1, (-1, size)).unflatten(-3, (-1, size))  # (..., c, h', row, w', column)
    return parts.movedim((-3, -1), (-5, -4)).flatten(-5, -3)


def from_patches(maps: Tensor, size: int) -> Tensor:
    """The frames whose patches the maps are: the inverse of :func:`to_patches`, exactly."""
    parts = maps.unflatten(-3, (size, size, -1))  # (..., row, column, c, h', w')
    return parts.movedim((-5, -4), (-3, -1)).flatten(-2, -1).flatten(-3, -2)
