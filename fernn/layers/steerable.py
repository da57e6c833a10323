"""Convolutions that commute with rotations by multiples of 360 / N degrees, on escnn's steerable bases.

There are four kinds of fields. A picture has one channel, which a turn only moves. A vector field turns as a whole,
w -> R w(R^-1 x); its channels are pairs (u, v), the irrep 1 of C_N. A state is a vector and a picture side by side,
(u, v, T). A regular field has N channels, one for each orientation: channel ``field * N + orientation``; a turn by
360 / N degrees moves them on by one.

escnn is imported when the first layer is built. What it computes is kept as a linear map from weights to kernel, so
that a kernel is expanded once and used at every time step, in training as in evaluation.
Source: Weiler and Cesa, "General E(2)-Equivariant Steerable CNNs", NeurIPS 2019; of vector fields, Wang, Walters and
Yu, ICLR 2021, section 3.
"""

import warnings
from functools import lru_cache
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Kind = Literal["picture", "vector", "state", "regular"]
Fields = tuple[Kind, int]
"""Of what kind fields are, and how many."""


class SteerableConvolution(nn.Module):
    """A convolution from pictures or regular fields of C_N to regular fields of C_N, zero-padded, without bias."""

    basis: Tensor

    def __init__(self, in_fields: int | None, out_fields: int, group_order: int, kernel_size: int = 3) -> None:
        """``in_fields`` None: the input is one picture. Weights are drawn as escnn does, from torch's generator."""
        super().__init__()
        source: Fields = ("picture", 1) if in_fields is None else ("regular", in_fields)
        self.pairs = (out_fields, source[1])
        self.kernel_size = kernel_size
        basis = kernel_basis(source[0], "regular", group_order, kernel_size)
        self.register_buffer("basis", basis, persistent=False)
        torch.randn(len(basis))  # the first layer of a process has always drawn its weights after these: now all do
        layer = r2_convolution(source, ("regular", out_fields), group_order, kernel_size, initialize=True)
        self.weights = nn.Parameter(layer.weights.detach().clone())

    def kernel(self) -> Tensor:
        """The kernel (out_fields * N, in_channels, k, k)."""
        return expanded(self.weights.view(*self.pairs, -1), self.basis)

    def forward(self, maps: Tensor, kernel: Tensor | None = None) -> Tensor:
        """Maps (b, out_fields * N, h, w) of maps (b, in_channels, h, w)."""
        return F.conv2d(maps, self.kernel() if kernel is None else kernel, padding=self.kernel_size // 2)


class FieldConvolution(nn.Module):
    """A zero-padded convolution between vector fields, states or regular fields of C_N.

    Regular fields have a bias, one number a field. Others have none: no constant vector keeps its value in a turn.
    """

    basis: Tensor

    def __init__(
        self, source: Fields, target: Fields, group_order: int, kernel_size: int = 3, *, stride: int = 1
    ) -> None:
        """Above 1, ``stride`` keeps every so many rows and columns, which turns do not."""
        super().__init__()
        (in_kind, in_fields), (out_kind, self.out_fields) = source, target
        self.kernel_size, self.stride = kernel_size, stride
        basis = kernel_basis(in_kind, out_kind, group_order, kernel_size)
        self.register_buffer("basis", basis, persistent=False)
        drawn = torch.randn(self.out_fields, in_fields, len(basis))
        spread = initial_spread(in_kind, out_kind, group_order, kernel_size)
        self.weights = nn.Parameter(drawn * (spread / in_fields**0.5))
        self.bias = nn.Parameter(torch.zeros(self.out_fields)) if out_kind == "regular" else None

    def kernel(self) -> Tensor:
        """The kernel (out, in, k, k)."""
        return expanded(self.weights, self.basis)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (b, out, h', w') of maps (b, in, h, w)."""
        return F.conv2d(maps, self.kernel(), self.shift(), self.stride, padding=self.kernel_size // 2)

    def shift(self) -> Tensor | None:
        """The bias of every channel: escnn's, a field's number over the root of N."""
        if self.bias is None:
            return None
        order = self.basis.shape[1]
        return (self.bias / order**0.5).repeat_interleave(order)


class DiagonalUpsampling(FieldConvolution):
    """Twice the height and width: each pixel twice, along a diagonal, then a 4 x 4 convolution, as published.

    Of a pixel's 2 x 2 places the first and the last have its value, the other two are 0. A kernel's first row and
    column are on the pixel, so that zeros are added behind alone. Neither is kept by quarter turns.
    """

    def __init__(self, source: Fields, target: Fields, group_order: int) -> None:
        super().__init__(source, target, group_order, kernel_size=4)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (b, out, 2h, 2w) of maps (b, in, h, w)."""
        *others, height, width = maps.shape
        spread = maps.new_zeros(*others, 2 * height + 3, 2 * width + 3)
        for first in (0, 1):
            spread[..., first : 2 * height : 2, first : 2 * width : 2] = maps
        return F.conv2d(spread, self.kernel(), self.shift())


class CentredUpsampling(DiagonalUpsampling):
    """Twice the height and width: zeros between the pixels, then a 4 x 4 convolution.

    A 4 x 4 kernel sits on the corner between pixels, so that quarter turns of an even picture are kept exactly.
    """

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


def expanded(weights: Tensor, basis: Tensor) -> Tensor:
    """The kernel (out_fields * out, in_fields * in, k, k) of weights (out_fields, in_fields, p) on a basis."""
    return torch.einsum("oip,pabyx->oaibyx", weights, basis).flatten(2, 3).flatten(0, 1)


@lru_cache
def kernel_basis(in_kind: Kind, out_kind: Kind, group_order: int, kernel_size: int) -> Tensor:
    """A basis (p, out, in, k, k) of the kernels from one field to one field."""
    expand = _expansion(in_kind, out_kind, group_order, kernel_size)
    kernels = torch.stack([expand(unit).detach() for unit in torch.eye(expand.dimension())])
    return kernels.unflatten(-1, (kernel_size, kernel_size))


@lru_cache
def initial_spread(in_kind: Kind, out_kind: Kind, group_order: int, kernel_size: int) -> Tensor:
    """The spread (p,) of escnn's generalised He initialisation; n input fields divide it by the root of n.

    escnn multiplies a standard normal draw by it: it is a draw of escnn's over the same draw of ours.
    """
    from escnn.nn.init import generalized_he_init

    expand = _expansion(in_kind, out_kind, group_order, kernel_size)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        drawn = torch.empty(expand.dimension())
        generalized_he_init(drawn, expand)
        torch.manual_seed(0)
        return drawn / torch.randn(expand.dimension())


@lru_cache
def _expansion(in_kind: Kind, out_kind: Kind, group_order: int, kernel_size: int) -> Any:
    """escnn's map from p weights to a kernel from one field to one field."""
    return r2_convolution((in_kind, 1), (out_kind, 1), group_order, kernel_size).basisexpansion


def r2_convolution(source: Fields, target: Fields, group_order: int, kernel_size: int, initialize: bool = False) -> Any:
    """escnn's layer without bias; its weights are drawn from torch's global generator where ``initialize`` is set."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a missing Fortran library that only SO(3) would use
        from escnn import gspaces
        from escnn import nn as steerable
        from escnn.group import directsum

        space = gspaces.rot2dOnR2(group_order)
        kinds = {
            "picture": lambda: space.trivial_repr,
            "vector": lambda: space.irrep(1),  # not every group has it
            "state": lambda: directsum([space.irrep(1), space.trivial_repr]),
            "regular": lambda: space.regular_repr,
        }
        types = [steerable.FieldType(space, [kinds[kind]()] * number) for kind, number in (source, target)]
        return steerable.R2Conv(*types, kernel_size, bias=False, initialize=initialize)
