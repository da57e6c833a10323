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
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

from fernn.layers.conserved import ConservedEmbedding
from fernn.models.tailored import Inner, Rollout
from fernn.tailoring import Step, conservation_loss, quantity_terms

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

    def __init__(self, predictor: nn.Module, quantity: nn.Module) -> None:
        self.predictor, self.quantity = copy.deepcopy(predictor).eval(), quantity
        self._weights = {name: weight for name, weight in self.predictor.named_parameters() if weight.requires_grad}
        self._trained = {name: weight.detach().clone() for name, weight in self._weights.items()}

    def descend(self, inner: Inner, frames: Tensor, horizon: int) -> Iterator[Step]:
        """Step after step for one clip, from the trained weights; ``frames`` (1, t, c, h, w) are given.

        Each has the inner loss (1,) and the rollout before it. Raises ValueError for more than one clip.
        """
        if len(frames) != 1:
            raise ValueError(f"frames must be of 1 clip, whose weights are its own, got {len(frames)}")
        self._put(self._trained)
        descent = inner.descent()
        while True:
            losses, rollout, gradients = self._slope(inner, frames, horizon)
            moved = descent({name: weight.detach() for name, weight in self._weights.items()}, gradients)
            yield Step(losses, rollout, moved)
            self._put(moved)

    @torch.enable_grad()
    def _slope(self, inner: Inner, frames: Tensor, horizon: int) -> tuple[Tensor, Rollout, dict[str, Tensor]]:
        """Loss and rollout with the weights as they are, and the loss' gradient in each."""
        whole = torch.cat([frames, self.predictor(frames, horizon).float()], dim=1)
        losses = conservation_loss(self.quantity(whole), inner.compared)
        found = torch.autograd.grad(
            losses.sum(), list(self._weights.values()), allow_unused=True, materialize_grads=True
        )
        return (
            losses.detach(),
            Rollout(whole.detach(), losses.new_zeros(1)),
            dict(zip(self._weights, found, strict=True)),
        )

    @torch.no_grad()
    def _put(self, values: dict[str, Tensor]) -> None:
        for name, weight in self._weights.items():
            weight.copy_(values[name])
