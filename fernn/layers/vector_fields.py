"""Convolutions of vector fields that commute with quarter turns, and nearly with all turns of C_N.

A vector field turns as a whole: w -> R w(R^-1 x); its channels are pairs (u, v), the irrep 1 of C_N. Hidden fields
are regular: a turn by 360 / N degrees moves their N channels on by one. escnn's bases are used as in
:mod:`fernn.layers.steerable`, of which this is the part for vectors.
Source: Weiler and Cesa, NeurIPS 2019; Wang, Walters and Yu, ICLR 2021, section 3.
"""

import warnings
from functools import lru_cache
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Kind = Literal["vector", "regular"]


class FieldConvolution(nn.Module):
    """A zero-padded convolution from vector or regular fields to vector or regular fields of C_N.

    A bias there is for regular fields alone, one number a field: no constant vector field keeps its value in a turn.
    """

    basis: Tensor

    def __init__(
        self, source: tuple[Kind, int], target: tuple[Kind, int], group_order: int, kernel_size: int = 3
    ) -> None:
        """``source`` and ``target`` say of what kind fields are, and how many."""
        super().__init__()
        (self.in_kind, self.in_fields), (self.out_kind, self.out_fields) = source, target
        self.kernel_size = kernel_size
        basis, spread = field_basis(self.in_kind, self.out_kind, group_order, kernel_size)
        self.register_buffer("basis", basis, persistent=False)
        drawn = torch.randn(self.out_fields, self.in_fields, len(basis))
        self.weights = nn.Parameter(drawn * (spread / self.in_fields**0.5))
        self.bias = nn.Parameter(torch.zeros(self.out_fields)) if self.out_kind == "regular" else None

    def kernel(self) -> Tensor:
        """The kernel (out, in, k, k)."""
        blocks = torch.einsum("oip,pabyx->oaibyx", self.weights, self.basis)
        return blocks.flatten(2, 3).flatten(0, 1)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (b, out, h, w) of maps (b, in, h, w)."""
        return F.conv2d(maps, self.kernel(), self.shift(), padding=self.kernel_size // 2)

    def shift(self) -> Tensor | None:
        """The bias of every channel: escnn's, a field's number over the root of N."""
        if self.bias is None:
            return None
        order = self.basis.shape[1]
        return (self.bias / order**0.5).repeat_interleave(order)


class FieldUpsampling(FieldConvolution):
    """Twice the height and width: zeros between the pixels, then a 4 x 4 convolution.

    A 4 x 4 kernel sits on the corner between pixels, so that quarter turns of an even picture are kept exactly. (The
    published layer repeats pixels along one diagonal and pads at one side alone, which breaks them.)
    """

    def __init__(self, source: tuple[Kind, int], target: tuple[Kind, int], group_order: int) -> None:
        super().__init__(source, target, group_order, kernel_size=4)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (b, out, 2h, 2w) of maps (b, in, h, w)."""
        flipped = self.kernel().transpose(0, 1).flip(-2, -1)  # torch's transposed convolution reads kernels backwards
        return F.conv_transpose2d(maps, flipped, self.shift(), stride=2, padding=1)


class FieldNorm(nn.Module):
    """Batch normalisation of regular fields: one mean, variance, scale and shift for all N channels of a field."""

    def __init__(self, num_fields: int, group_order: int) -> None:
        super().__init__()
        self.norm, self.group_order = nn.BatchNorm3d(num_fields), group_order

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (b, num_fields * N, h, w), normalised."""
        return self.norm(maps.unflatten(1, (-1, self.group_order))).flatten(1, 2)


@lru_cache
def field_basis(in_kind: Kind, out_kind: Kind, group_order: int, kernel_size: int) -> tuple[Tensor, Tensor]:
    """A basis (p, out, in, k, k) of the kernels from one field to one field, and the spread (p,) of initial weights.

    The spread is that of escnn's generalised He initialisation; n input fields divide it by the root of n.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a missing Fortran library that only SO(3) would use
        from escnn import gspaces
        from escnn import nn as steerable

        space = gspaces.rot2dOnR2(group_order)
        kinds = {"vector": space.irrep(1), "regular": space.regular_repr}
        source, target = (steerable.FieldType(space, [kinds[kind]]) for kind in (in_kind, out_kind))
        expand = steerable.R2Conv(source, target, kernel_size, bias=False, initialize=False).basisexpansion
    kernels = torch.stack([expand(unit).detach() for unit in torch.eye(expand.dimension())])
    return kernels.unflatten(-1, (kernel_size, kernel_size)), _he_spread(expand)


def _he_spread(expand: Any) -> Tensor:
    """What escnn multiplies a standard normal draw by: a draw of its own over the same draw of ours."""
    from escnn.nn.init import generalized_he_init

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        drawn = torch.empty(expand.dimension())
        generalized_he_init(drawn, expand)
        torch.manual_seed(0)
        return drawn / torch.randn(expand.dimension())
