"""Any trained predictor of frames, tailored to each clip so that a quantity is conserved along its prediction.

A Noether Network is trained through its inner steps: gains and offsets move, many clips at once, and the step itself
has a gradient. A predictor that is trained already needs ordinary first derivatives alone, and is tailored to one clip
at a time, so that all its weights can move. Its layers need neither conditional normalisation nor the rules of
torch.func, which FERNN's shifts, padding and fused step and E3D-LSTM's history do not have.

Training through an inner step takes second derivatives. Those layers give first ones alone (``once_differentiable``),
so that FERNN and E3D-LSTM are not meta-trained as SVG is. The quantity is learned from true clips, or known.
Source: Alet et al., "Noether Networks", NeurIPS 2021; with all weights, Alet et al., "Tailoring: encoding inductive
biases by optimizing unsupervised objectives at prediction time", NeurIPS 2021.
"""

import copy
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn

from fernn.models.noether.network import Rollout
from fernn.models.noether.quantities import conservation_loss
from fernn.models.noether.tailoring import InnerSteps, Step


class TailoredPredictor:
    """A copy of a trained predictor whose weights move for a clip, and the quantity that its predictions conserve."""

    def __init__(
        self, predictor: nn.Module, quantity: nn.Module, precision: Callable[[], AbstractContextManager[None]]
    ) -> None:
        """``precision`` is entered for each prediction by itself: autocast keeps weights that it has cast once."""
        self.predictor, self.quantity, self.precision = copy.deepcopy(predictor).eval(), quantity, precision
        self._weights = {name: weight for name, weight in self.predictor.named_parameters() if weight.requires_grad}
        self._trained = {name: weight.detach().clone() for name, weight in self._weights.items()}

    def descend(self, inner: InnerSteps, frames: Tensor, horizon: int) -> Iterator[Step]:
        """Steps for one clip, without end, from the trained weights; ``frames`` (1, t, c, h, w) are given.

        Each has the inner loss (1,) and the rollout before it; the weights that move stay in the copy of the predictor.
        FERNN's published rollout has no gradient between predicted frames, so that the loss has the gradient of each
        frame by itself. Raises ValueError for more than one clip.
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

    def _loss(self, inner: InnerSteps, frames: Tensor, horizon: int) -> tuple[Tensor, Tensor]:
        """How far the quantity is from being conserved, and the given and the predicted frames."""
        with self.precision():
            predicted = self.predictor(frames, horizon).float()
        whole = torch.cat([frames, predicted], dim=1)
        return conservation_loss(self.quantity(whole), inner.compared), whole

    @torch.no_grad()
    def _put(self, values: dict[str, Tensor]) -> None:
        for name, weight in self._weights.items():
            weight.copy_(values[name])
