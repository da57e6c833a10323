"""A predictor of sequences that is tailored to each sample so that a quantity is conserved along its prediction.

Source: Alet et al., "Noether Networks: Meta-Learning Useful Conserved Quantities", NeurIPS 2021.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.func import functional_call

from fernn.layers.conditional import identity_conditioning
from fernn.models.tailoring import (
    Comparison,
    Descent,
    InnerOptimizer,
    Moved,
    Step,
    conservation_loss,
    descend,
    tailored,
)


class Rollout(NamedTuple):
    """A predicted sequence (b, t, ...) that begins with what was given, and its KL terms (b,) summed over time."""

    frames: Tensor
    divergence: Tensor


@dataclass(frozen=True)
class Inner:
    """How a sample's conditioning is moved before the prediction that counts."""

    steps: int = 1
    """0: the plain predictor."""
    lr: float = 1e-4
    clips: int = 1
    """Where an inner loss is published as a mean over a batch of so many: a sample's own step is ``lr / clips``."""
    optimizer: InnerOptimizer = "sgd"
    compared: Comparison = "previous"

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


class Tailored(nn.Module):
    """A backbone with conditional normalisation, and the embedding that its predictions are to conserve.

    Before a prediction counts, another is made; the gains and offsets of the conditional normalisation, 1 and 0 at
    first, take ``inner.steps`` steps down the slope of the conservation loss of the predicted sequence's embeddings;
    the prediction made with these is the one that counts. With 0 steps it is the backbone's.
    """

    def __init__(self, backbone: nn.Module, embedding: nn.Module, inner: Inner) -> None:
        super().__init__()
        self.backbone, self.embedding, self.inner = backbone, embedding, inner

    def rollout(self, *inputs: Any) -> Rollout:
        """What the backbone, called with the inputs and tailored, predicts; the first input has the samples."""
        if self.inner.steps == 0:
            return self.backbone(*inputs)
        loss, start = self._inner_loss(inputs, self.inner), identity_conditioning(self.backbone, len(inputs[0]))
        moved = tailored(loss, start, self.inner.steps, self.inner.descent())
        return functional_call(self.backbone, moved, inputs)

    def descend(self, inner: Inner, *inputs: Any) -> Iterator[Step]:
        """Step after step of tailoring; each with the samples' inner losses and the rollout before it."""
        start = identity_conditioning(self.backbone, len(inputs[0]))
        return descend(self._inner_loss(inputs, inner), start, inner.descent())

    def _inner_loss(self, inputs: tuple[Any, ...], inner: Inner) -> Callable[[Moved], tuple[Tensor, Rollout]]:
        def loss(moved: Moved) -> tuple[Tensor, Rollout]:
            rollout = functional_call(self.backbone, moved, inputs)
            return conservation_loss(self.embedding(rollout.frames), inner.compared) / inner.clips, rollout

        return loss
