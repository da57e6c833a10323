"""A network whose prediction is tailored to each sample, and which is trained through the inner steps.

Source: Alet et al., "Noether Networks: Meta-Learning Useful Conserved Quantities", NeurIPS 2021.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.func import functional_call

from fernn.layers.conditional import identity_conditioning
from fernn.models.noether.quantities import conservation_loss
from fernn.models.noether.tailoring import InnerSteps, Moved, Step, descend, tailored


class Rollout(NamedTuple):
    """A predicted sequence (b, t, ...) that begins with what was given, and its KL terms (b,) summed over time."""

    frames: Tensor
    divergence: Tensor


class TailoredNetwork(nn.Module):
    """A backbone with conditional normalisation, and the quantity ("embedding") that its predictions are to conserve.

    Before the prediction that counts, another is made. The gains and offsets of the conditional normalisation, 1 and 0
    at first, take ``inner.steps`` steps down the slope of that prediction's conservation loss; with these the
    prediction that counts is made. With 0 steps it is the backbone's.
    """

    def __init__(self, backbone: nn.Module, embedding: nn.Module, inner: InnerSteps) -> None:
        super().__init__()
        self.backbone, self.embedding, self.inner = backbone, embedding, inner

    def rollout(self, *inputs: Any) -> Rollout:
        """The tailored prediction of the backbone, called with the inputs; the first input has the samples."""
        if self.inner.steps == 0:
            return self.backbone(*inputs)
        loss, start = self._inner_loss(inputs, self.inner), identity_conditioning(self.backbone, len(inputs[0]))
        return functional_call(self.backbone, tailored(loss, start, self.inner), inputs)

    def descend(self, inner: InnerSteps, *inputs: Any) -> Iterator[Step]:
        """Steps of tailoring, without end; each with the samples' inner losses and the rollout before it."""
        start = identity_conditioning(self.backbone, len(inputs[0]))
        return descend(self._inner_loss(inputs, inner), start, inner.descent())

    def _inner_loss(self, inputs: tuple[Any, ...], inner: InnerSteps) -> Callable[[Moved], tuple[Tensor, Rollout]]:
        def loss(moved: Moved) -> tuple[Tensor, Rollout]:
            rollout = functional_call(self.backbone, moved, inputs)
            return conservation_loss(self.embedding(rollout.frames), inner.compared) / inner.clips, rollout

        return loss
