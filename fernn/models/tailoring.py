"""Tailoring: a few steps on a loss that needs no labels, for each sample by itself, before the prediction that counts.

What moves is the conditioning of a network (see :mod:`fernn.layers.conditional`), or any other of its tensors that
``torch.func.functional_call`` can put in place; the steps can be differentiated through.
Source: Alet et al., "Noether Networks: Meta-Learning Useful Conserved Quantities", NeurIPS 2021, section 3.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from torch.func import grad

Comparison = Literal["previous", "first", "both"]
InnerOptimizer = Literal["sgd", "adam"]
Moved = dict[str, Tensor]
"""The tensors that tailoring moves, by name; the first axis is the sample."""
InnerLoss = Callable[[Moved], tuple[Tensor, Any]]
"""Losses (b,) of the samples, and whatever else came out on the way."""
BETAS, EPSILON = (0.9, 0.999), 1e-8
"""Adam's, as PyTorch has them."""


def conservation_loss(embeddings: Tensor, compared: Comparison = "previous") -> Tensor:
    """How far a quantity (b, n, d) is from being conserved over n moments: (b,).

    Squared differences, their mean over d, summed over time: "previous", of neighbours,
    sum_t |g_{t-1} - g_t|^2 / d; "first", to the first moment; "both", the sum of the two.
    """
    neighbours, first = embeddings.diff(dim=1), embeddings[:, 1:] - embeddings[:, :1]
    terms = {"previous": (neighbours,), "first": (first,), "both": (neighbours, first)}[compared]
    return torch.stack([term.square().mean(dim=-1).sum(dim=-1) for term in terms]).sum(dim=0)


def quantity_terms(quantities: Tensor) -> tuple[Tensor, Tensor]:
    """What a quantity g (b, t, d) of true sequences learns from: to stay as it begins, and to spread by 1 over all.

    mean_t |g(x_0) - g(x_t)|^2 and (std g - 1)^2: without the second a constant would do.
    """
    stays = (quantities[:, 1:] - quantities[:, :1]).square().mean()
    return stays, (quantities.flatten(0, 1).std(dim=0) - 1).square().mean()


class Step(NamedTuple):
    """One step of tailoring."""

    losses: Tensor
    """The samples' inner losses (b,) before it."""
    found: Any
    """What else the loss function gave there."""
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


def descend(loss: InnerLoss, moved: Moved, descent: Descent) -> Iterator[Step]:
    """Step after step on the sum of the samples' losses, as many as are asked for.

    As each sample has tensors of its own, the sum's gradient is that of its own loss, whatever else is in the batch.
    The result can be differentiated in what the loss depends on; where gradients are off, nothing is kept for that.
    """

    def total(moved: Moved) -> tuple[Tensor, tuple[Tensor, Any]]:
        losses, found = loss(moved)
        return losses.sum(), (losses, found)

    while True:
        gradients, (losses, found) = grad(total, has_aux=True)(moved)
        moved = descent(moved, gradients)
        yield Step(losses, found, moved)


def tailored(loss: InnerLoss, moved: Moved, num_steps: int, descent: Descent) -> Moved:
    """Where ``num_steps`` steps end; for none, where they begin."""
    for step in islice(descend(loss, moved, descent), num_steps):
        moved = step.moved
    return moved
