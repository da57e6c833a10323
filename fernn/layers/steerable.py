"""Convolutions that commute with rotations by multiples of 360 / N degrees, on escnn's steerable bases.

escnn is imported when the first layer is built; what it computes is kept as a linear map from weights to kernel, so
that a kernel is expanded once and used at every time step, in training as in evaluation.
Source: Weiler and Cesa, "General E(2)-Equivariant Steerable CNNs", NeurIPS 2019.
"""

import warnings
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SteerableConvolution(nn.Module):
    """A convolution from pictures or regular fields of C_N to regular fields of C_N, zero-padded, without bias.

    A regular field takes N channels: channel ``field * N + orientation``.
    """

    basis: Tensor

    def __init__(self, in_fields: int | None, out_fields: int, group_order: int, kernel_size: int = 3) -> None:
        """``in_fields`` None: the input is one picture."""
        super().__init__()
        self.pairs = (out_fields, 1 if in_fields is None else in_fields)
        self.kernel_size = kernel_size
        self.register_buffer("basis", kernel_basis(in_fields is not None, group_order, kernel_size), persistent=False)
        self.weights = nn.Parameter(initial_weights(in_fields, out_fields, group_order, kernel_size))

    def kernel(self) -> Tensor:
        """The kernel (out_fields * N, in_channels, k, k)."""
        out_fields, in_fields = self.pairs
        weights = self.weights.view(out_fields, in_fields, -1)
        blocks = torch.einsum("oip,pabk->oaibk", weights, self.basis)
        out_channels, in_channels = out_fields * blocks.shape[1], in_fields * blocks.shape[3]
        return blocks.reshape(out_channels, in_channels, self.kernel_size, self.kernel_size)

    def forward(self, maps: Tensor, kernel: Tensor | None = None) -> Tensor:
        """Maps (b, out_fields * N, h, w) of maps (b, in_channels, h, w)."""
        return F.conv2d(maps, self.kernel() if kernel is None else kernel, padding=self.kernel_size // 2)


@lru_cache
def kernel_basis(from_fields: bool, group_order: int, kernel_size: int) -> Tensor:
    """Kernels (parameters, N, N or 1, k * k) from one field or picture to one field: a basis."""
    layer = _r2conv(1 if from_fields else None, 1, group_order, kernel_size)
    expand = layer.basisexpansion
    kernels = [expand(unit).detach() for unit in torch.eye(layer.weights.numel())]
    return torch.stack(kernels)


def initial_weights(in_fields: int | None, out_fields: int, group_order: int, kernel_size: int) -> Tensor:
    """Weights as escnn draws them, from torch's global generator."""
    return _r2conv(in_fields, out_fields, group_order, kernel_size).weights.detach().clone()


def _r2conv(in_fields: int | None, out_fields: int, group_order: int, kernel_size: int) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a missing Fortran library that only SO(3) would use
        from escnn import gspaces
        from escnn import nn as steerable

        space = gspaces.rot2dOnR2(group_order)
        pictures = [space.trivial_repr] if in_fields is None else [space.regular_repr] * in_fields
        fields = steerable.FieldType(space, [space.regular_repr] * out_fields)
        return steerable.R2Conv(
            steerable.FieldType(space, pictures), fields, kernel_size, padding=kernel_size // 2, bias=False
        )
