"""Any trained predictor of frames, tailored to each clip so that a quantity is conserved along its prediction.

A Noether Network is trained through its inner steps, so that gains and offsets move, many clips at once, and the step
itself has a gradient. A predictor that is trained already needs less: ordinary first derivatives, and one clip at a
time, so that all its weights can be that clip's own. Nothing is asked of its layers: neither conditional normalisation,
nor the rules of torch.func, which FERNN's shifts, padding and fused step and E3D-LSTM's history do not have.

That is also why neither is meta-trained as SVG is: their steps give first derivatives alone (``once_differentiable``),
and training through an inner step takes second ones. The quantity is learned from true clips, or known.
Source: Alet et al., "Noether Networks", NeurIPS 2021; with all weights, Alet et al., "Tailoring: encoding inductive
biases by optimizing unsupervised objectives at prediction time", NeurIPS 2021.
"""

import copy
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn

from fernn.layers.conserved import ConservedEmbedding
from fernn.models.tailored import Inner, Rollout
from fernn.models.tailoring import Step, conservation_loss, quantity_terms

EMBEDDING_WIDTH, EMBEDDING_DIMENSIONS, EMBEDDING_FRAMES = 16, 8, 2
LEARNING_RATE = 1e-3


class Brightness(nn.Module):
    """The mean of each frame's pixels, (b, t, c): conserved where shapes move, and neither meet nor leave."""

    def forward(self, clips: Tensor) -> Tensor:
        return clips.mean(dim=(-2, -1))


def new_embedding(channels: int, size: int, seed: int) -> ConservedEmbedding:
    """An embedding of pairs of frames, its weights from the seed; global RNGs untouched."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return ConservedEmbedding(channels, size, EMBEDDING_WIDTH, EMBEDDING_DIMENSIONS, EMBEDDING_FRAMES)


def learn(embedding: nn.Module, batches: Iterable[Tensor]) -> None:
    """Teach an embedding to be conserved along true clips (b, t, c, h, w) and to spread over them, a step a batch."""
    optimizer = torch.optim.Adam(embedding.parameters(), LEARNING_RATE)
    for clips in batches:
        optimizer.zero_grad()
        torch.stack(quantity_terms(embedding(clips))).sum().backward()
        optimizer.step()
    embedding.requires_grad_(False)


class Conserving:
    """A copy of a predictor, whose weights move for a clip, and what its predictions are to conserve."""

    def __init__(
        self, predictor: nn.Module, quantity: nn.Module, precision: Callable[[], AbstractContextManager[None]]
    ) -> None:
        """``precision`` is entered for each prediction by itself: autocast keeps weights that it has cast once."""
        self.predictor, self.quantity, self.precision = copy.deepcopy(predictor).eval(), quantity, precision
        self._weights = {name: weight for name, weight in self.predictor.named_parameters() if weight.requires_grad}
        self._trained = {name: weight.detach().clone() for name, weight in self._weights.items()}

    def descend(self, inner: Inner, frames: Tensor, horizon: int) -> Iterator[Step]:
        """Step after step for one clip, from the trained weights; ``frames`` (1, t, c, h, w) are given.

        Each has the inner loss (1,) and the rollout before it; what moves stays in the copy of the predictor. Where a
        predictor cuts the gradient off, as FERNN's published rollout does between predicted frames, the loss' gradient
        is what is left of it. Raises ValueError for more than one clip.
        """
        if len(frames) != 1:
            raise ValueError(f"frames must be of 1 clip, whose weights are its own, got {len(frames)}")
        self._put(self._trained)
        descent = inner.descent()
        while True:
            with torch.enable_grad():
                losses, whole = self._loss(inner, frames, horizon)
                total = losses.sum()
            yield Step(losses.detach(), Rollout(whole.detach(), losses.new_zeros(1)), {})
            weights = list(self._weights.values())
            found = torch.autograd.grad(total, weights, allow_unused=True, materialize_grads=True)
            gradients = dict(zip(self._weights, found, strict=True))
            self._put(descent({name: weight.detach() for name, weight in self._weights.items()}, gradients))

    def _loss(self, inner: Inner, frames: Tensor, horizon: int) -> tuple[Tensor, Tensor]:
        """How far the quantity is from being conserved, and the given and the predicted frames."""
        with self.precision():
            predicted = self.predictor(frames, horizon).float()
        whole = torch.cat([frames, predicted], dim=1)
        return conservation_loss(self.quantity(whole), inner.compared), whole

    @torch.no_grad()
    def _put(self, values: dict[str, Tensor]) -> None:
        for name, weight in self._weights.items():
            weight.copy_(values[name])
