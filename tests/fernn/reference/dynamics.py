"""The layers of the dynamics networks by their definition: block by block, with nothing rearranged.

After Rose-STL-Lab/Equivariant-Net, commit e6f4c84: ``unfold``, ``transform`` and ``inverse_transform`` of um_conv2d
(models/model_um.py) and of mag_conv2d (models/model_mag.py). One thing is ours: the range's smallest addend follows the
picture's largest value, where the published one is 1e-6. Whole networks are held against published outputs in
``tests/fernn/test_reference.py``.
"""

import math

import torch
import torch.nn.functional as F

SMALLEST_RANGE = 1e-6


def blocks_of(maps, kernel_size, stride, padding):
    """Every block (b, pairs, 2, k, k, h', w') of maps whose border is replicated."""
    padded = F.pad(maps, (*padding, *padding), mode="replicate")
    cut = padded.unfold(2, kernel_size, stride).unfold(3, kernel_size, stride)
    return cut.permute(0, 1, 4, 5, 2, 3).unflatten(1, (-1, 2))


def on_blocks(blocks, weight, bias):
    """The convolution of blocks, each by itself."""
    return torch.einsum("bcijyx,ocij->boyx", blocks.flatten(1, 2), weight) + bias[:, None, None]


def uniform_motion(maps, weight, bias, stride=1, padding=(1, 1), activation=True, restores_mean=True):
    """Subtract each block's mean velocity, convolve, add it."""
    blocks = blocks_of(maps, weight.shape[-1], stride, padding)
    means = blocks.mean(dim=(1, 3, 4), keepdim=True)
    found = on_blocks(blocks - means, weight, bias)
    found = found.relu() if activation else found
    return found if not restores_mean else (found.unflatten(1, (-1, 2)) + means[:, :, :, 0, 0]).flatten(1, 2)


def magnitude(maps, weight, bias, stride=1, padding=(1, 1), activation=True):
    """Divide each block by its range, convolve, multiply by it."""
    blocks = blocks_of(maps, weight.shape[-1], stride, padding)
    ranges = blocks.amax(dim=(1, 3, 4), keepdim=True) - blocks.amin(dim=(1, 3, 4), keepdim=True)
    ranges = ranges + SMALLEST_RANGE * maps.abs().amax(dim=(1, 2, 3))[:, None, None, None, None, None, None]
    found = on_blocks(blocks / ranges, weight, bias)
    found = found.relu() if activation else found
    return (found.unflatten(1, (-1, 2)) * ranges[:, :, :, 0, 0]).flatten(1, 2)


def tiled_uniform_motion(maps, weight, bias):
    """The published order of work at stride 1: all blocks as tiles of one large picture, convolved with stride k.

    A tile's rows are a block's columns there, so that the published weights are ours with their axes swapped.
    """
    k = weight.shape[-1]
    blocks = blocks_of(maps, k, 1, (k // 2, k // 2))
    means = blocks.mean(dim=(1, 3, 4), keepdim=True)
    tiles = (blocks - means).flatten(1, 2).permute(0, 1, 4, 3, 5, 2)  # b, c, y, column, x, row
    picture = tiles.flatten(4, 5).flatten(2, 3)
    found = F.conv2d(picture, weight, bias, stride=k).relu()
    return (found.unflatten(1, (-1, 2)) + means[:, :, :, 0, 0]).flatten(1, 2)


def turned(fields, degrees):
    """Vector fields (..., 2, h, w) with (u, v), u to the right and v up, turned counter-clockwise as a whole."""
    angle = math.radians(degrees)
    cos, sin = math.cos(angle), math.sin(angle)
    rotation = torch.tensor([[cos, -sin], [sin, cos]])
    if degrees % 90 == 0:
        moved = torch.rot90(fields, round(degrees / 90), dims=(-2, -1))
    else:
        theta = torch.tensor([[cos, -sin, 0.0], [sin, cos, 0.0]])
        pictures = fields.flatten(0, -4)
        grid = F.affine_grid(theta.expand(len(pictures), 2, 3), list(pictures.shape), align_corners=False)
        moved = F.grid_sample(pictures, grid, align_corners=False).view_as(fields)
    return torch.einsum("ab,...bhw->...ahw", rotation, moved)
