"""The layers of the dynamics networks by their definition: block by block, with nothing rearranged."""

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


def resampled(kernel, factor):
    """A kernel (out, levels * 2, d, k, k) shrunk or dilated by trilinear sampling, as at one level of scale."""
    if factor == 0:
        return kernel
    depth, k = kernel.shape[2], kernel.shape[-1]
    size, reach = abs(factor), 1.0
    if factor < 0:
        pads = (math.ceil(size) * ((k - 1) // 2),) * 4 + (math.ceil(size**2) * ((depth - 1) // 2),) * 2
        wider, shape = F.pad(kernel, pads), (depth, k, k)
        if size % 1:
            reach = 1.5 * ((k - 1) / (wider.shape[-1] - 1) * (size + 1) - 0.5) ** 3 + 0.57
    else:
        shape = (2 * depth - 1, 2 * k - 1, 2 * k - 1)
        wider = kernel.new_zeros(*kernel.shape[:2], *shape)
        wider[:, :, ::2, ::2, ::2] = kernel
        if size % 1 == 0:
            return wider[:, :, -depth:]
        wider = F.pad(wider, ((k - 1) // 2,) * 6)
        reach = (wider.shape[-1] - 1 - (k - 1) * (size % 1)) / (wider.shape[-1] - 1)
    t, y, x = torch.meshgrid(
        *(torch.linspace(-1, 1, n) * reach ** (2 - (i > 0)) for i, n in enumerate(shape)), indexing="ij"
    )
    grid = torch.stack([x, y, t], dim=-1).expand(len(kernel), *shape, 3)
    found = F.grid_sample(wider, grid, align_corners=False)
    left = k - 2 * size
    gain = k**2 / (left**2 + 0.01) if factor < 0 and left > 0 else 1.0
    return found[:, :, -depth:] * gain


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
