"""A decoder of maps to pictures that runs step by step, while its gradients come from all steps as one batch.

Where a prediction is read by the step after it without a gradient, no step's decoder waits for the gradient of another:
backwards they are one batch. Pictures are (b, h, w, c), a pixel's channels side by side.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from fernn.flows.periodic import continued
from fernn.layers.cell import computed_in
from fernn.layers.convolution import Padding, plane_convolution
from fernn.layers.moving_frame import convolution_gradients, derivative

TOGETHER = 3
"""So many layers read pictures that were continued round the border once, each layer's less than those before it."""


class FrameDecoder(nn.Sequential):
    """3x3 convolutions without bias, a ReLU between them: maps of ``widths[0]`` to pictures."""

    def __init__(self, widths: Sequence[int], out_channels: int, padding: Padding) -> None:
        *hidden, last = [plane_convolution(*sizes, 3, padding) for sizes in pairwise((*widths, out_channels))]
        super().__init__(*(layer for convolution in hidden for layer in (convolution, nn.ReLU())), last)
        self.padding = padding

    def kernels(self) -> list[Tensor]:
        """The layers' kernels, made once for all steps, in the precision and layout that these compute in."""
        weights = [layer.weight for layer in self if isinstance(layer, nn.Conv2d)]
        return [weight.to(computed_in(weight), memory_format=torch.channels_last) for weight in weights]


class Decoding:
    """The pictures of a series of steps: each without a gradient, then all of them with it."""

    def __init__(self, kernels: Sequence[Tensor], is_circular: bool) -> None:
        self.kernels, self.is_circular = kernels, is_circular
        self.pictures: list[Tensor] = []
        self._inputs: list[Tensor] = []

    @torch.no_grad()
    def add(self, maps: Tensor, keep: bool) -> Tensor:
        """The picture (b, h, w, c') of maps (b, h, w, c), without a gradient; ``keep``: it will be asked for one."""
        margin, last = 0, len(self.kernels) - 1
        for layer, kernel in enumerate(self.kernels):
            radius = kernel.shape[-1] // 2
            if self.is_circular and margin == 0:
                margin = sum(other.shape[-1] // 2 for other in self.kernels[layer : layer + TOGETHER])
                maps = continued(maps[:, None], margin)[:, 0]
            if keep:
                self._inputs.append(cut(maps, margin - radius) if self.is_circular else maps)
            maps = convolved(maps, kernel, 0 if self.is_circular else radius)
            maps = maps if layer == last else maps.relu_()
            margin -= radius
        self.pictures.append(maps)
        return maps

    def connected(self, maps: Sequence[Tensor]) -> Tensor:
        """All pictures (t, b, h, w, c') with the gradients of the maps (b, h, w, c) that they were made of."""
        return _Connected.apply(self, len(self.kernels), *self.kernels, *maps)

    def kept(self) -> list[Tensor]:
        """What the layers read, step by step, no longer kept here."""
        inputs, self._inputs = self._inputs, []
        return inputs


class _Connected(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, decoding: Decoding, depth: int, *tensors: Tensor) -> Tensor:
        context.depth, context.is_circular = depth, decoding.is_circular
        context.save_for_backward(*tensors[:depth], *decoding.kept())
        return torch.stack(decoding.pictures)

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        depth = context.depth
        weights: list[Tensor] = []
        saved = context.saved_tensors  # once: a checkpoint computes them again
        kernels, inputs = saved[:depth], saved[depth:]
        slopes, num_steps = gradient.flatten(0, 1), len(gradient)
        for layer in reversed(range(depth)):
            read = torch.cat(inputs[layer::depth])
            slopes, found = gradients(slopes, read, kernels[layer], context.is_circular)
            weights.insert(0, found)
            if layer:
                pad = (read.shape[1] - slopes.shape[1]) // 2
                slopes = derivative(slopes, cut(read, pad), "relu")
        return None, None, *weights, *slopes.unflatten(0, (num_steps, -1))


def gradients(slopes: Tensor, read: Tensor, kernel: Tensor, is_circular: bool) -> tuple[Tensor, Tensor]:
    """The gradients of what a convolution read, and of its kernel, from that of its result."""
    radius = kernel.shape[-1] // 2
    if is_circular:
        around = continued(slopes[:, None], radius)
        before, weights = convolution_gradients(slopes[:, None], around, read[:, None], kernel)
        return before[:, 0], weights
    before, weights, _ = torch.ops.aten.convolution_backward(
        slopes.permute(0, 3, 1, 2), read.permute(0, 3, 1, 2), kernel, None,
        [1, 1], [radius, radius], [1, 1], False, [0, 0], 1, [True, True, False],
    )  # fmt: skip
    return before.permute(0, 2, 3, 1).contiguous(), weights


def convolved(maps: Tensor, kernel: Tensor, padding: int) -> Tensor:
    """A convolution with zeros as border of maps (b, h, w, c): (b, h', w', c')."""
    return F.conv2d(maps.permute(0, 3, 1, 2), kernel, padding=padding).permute(0, 2, 3, 1).contiguous()


def cut(maps: Tensor, margin: int) -> Tensor:
    """Maps (b, h, w, c) without ``margin`` pixels on each side, without a copy."""
    return maps[:, margin : maps.shape[1] - margin, margin : maps.shape[2] - margin]
