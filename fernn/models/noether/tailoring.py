"""Tailoring: a few steps on a loss that needs no labels, for each sample by itself, before the prediction that counts.

Conditioning of a network moves (see :mod:`fernn.layers.conditional`), or any other of its tensors that
``torch.func.functional_call`` can replace. The steps can be differentiated through.
Source: Alet et al., "Noether Networks: Meta-Learning Useful Conserved Quantities", NeurIPS 2021, section 3.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from torch.func import grad

from fernn.models.noether.quantities import ComparedWith

InnerOptimizer = Literal["sgd", "adam"]
Moved = dict[str, Tensor]
"""The tensors that tailoring moves, by name; the first axis is the sample."""
InnerLoss = Callable[[Moved], tuple[Tensor, Any]]
"""Losses (b,) of the samples, and the prediction that they are of."""
BETAS, EPSILON = (0.9, 0.999), 1e-8
"""Adam's, as PyTorch has them."""


class Step(NamedTuple):
    """One step of tailoring."""

    losses: Tensor
    """The samples' inner losses (b,) before it."""
    found: Any
    """The prediction that the losses are of."""
    moved: Moved
    """The tensors after it."""


@dataclass
class Descent:
    """A gradient step on every sample's own loss: SGD, or Adam with moments that begin at zero."""

    rate: float
    optimizer: InnerOptimizer = "sgd"
    count: int = field(default=0, init=False)
    moments: dict[str, tuple[Tensor, Tensor]] = field(default_factory=dict, init=False)

    def __call__(self, moved: Moved, gradients: Moved) -> Moved:
        """The tensors after the step."""
        self.count += 1
        return {name: value - self.rate * self._direction(name, gradients[name]) for name, value in moved.items()}

    def _direction(self, name: str, gradient: Tensor) -> Tensor:
        if self.optimizer == "sgd":
            return gradient
        zeros = torch.zeros_like(gradient)
        mean, square = self.moments.get(name, (zeros, zeros))
        mean = BETAS[0] * mean + (1 - BETAS[0]) * gradient
        square = BETAS[1] * square + (1 - BETAS[1]) * gradient.square()
        self.moments[name] = (mean, square)
        mean, square = (value / (1 - beta**self.count) for value, beta in zip((mean, square), BETAS, strict=True))
        return mean / (square.sqrt() + EPSILON)


@dataclass(frozen=True)
class InnerSteps:
    """How a sample is tailored before the prediction that counts."""

    steps: int = 1
    """0: the plain predictor."""
    lr: float = 1e-4
    clips: int = 1
    """The batch over which a published inner loss is a mean: a sample's own step is ``lr / clips``."""
    optimizer: InnerOptimizer = "sgd"
    compared: ComparedWith = "previous"

    def __post_init__(self) -> None:
        if self.steps < 0:
            raise ValueError(f"inner_steps must be 0 or more, got {self.steps}")
        if not self.lr >= 0:
            raise ValueError(f"inner_lr must be 0 or more, got {self.lr}")
        if self.clips < 1:
            raise ValueError(f"inner_clips must be 1 or more, got {self.clips}")

    def descent(self) -> Descent:
        """The optimizer, at its beginning."""
        return Descent(self.lr, self.optimizer)


def descend(loss: InnerLoss, moved: Moved, descent: Descent) -> Iterator[Step]:
    """Steps on the sum of the samples' losses, without end.

    As each sample has tensors of its own, the sum's gradient is that of its own loss and does not depend on the batch.
    The result can be differentiated in what the loss depends on; where gradients are off, nothing is kept for that.
    """

    def total(moved: Moved) -> tuple[Tensor, tuple[Tensor, Any]]:
        losses, found = loss(moved)
        return losses.sum(), (losses, found)

    while True:
        gradients, (losses, found) = grad(total, has_aux=True)(moved)
        moved = descent(moved, gradients)
        yield Step(losses, found, moved)


def tailored(loss: InnerLoss, moved: Moved, inner: InnerSteps) -> Moved:
    """The tensors after all of the steps; as they are, where there is none."""
    for step in islice(descend(loss, moved, inner.descent()), inner.steps):
        moved = step.moved
    return moved
