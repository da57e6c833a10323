"""Tailoring: a few steps on a loss that needs no labels, for each sample by itself, before the prediction that counts.

Conditioning of a network moves (see :mod:`fernn.layers.conditional`), or any other of its tensors that
``torch.func.functional_call`` can replace. The steps can be differentiated through: a network is trained through them.
Source: Alet et al., "Noether Networks: Meta-Learning Useful Conserved Quantities", NeurIPS 2021, section 3.
"""

import copy
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import count, islice
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad

from fernn.config import Config
from fernn.layers.conditional import identity_conditioning, is_conditioning
from fernn.models.noether.quantities import ComparedWith, Similarity, conservation_loss

InnerOptimizer = Literal["sgd", "adam"]
InnerMoves = Literal["conditioning", "decoder-conditioning", "all-weights"]
"""What inner steps move: gains and offsets, those of the decoder alone, or all of them with all weights of encoder and
decoder. Gains and offsets are a sample's own; the weights are the batch's."""
Keep = Literal["tailored", "improved"]
"""Which samples' tailored predictions count: all, or those whose inner loss has become smaller."""
Draws = Literal["shared", "fresh"]
"""Whether the predictions between two jumps see the same draws of the latent variable."""
Moved = dict[str, Tensor]
"""The tensors that tailoring moves, by name; the first axis is the sample."""
BETAS, EPSILON = (0.9, 0.999), 1e-8
"""Adam's, as PyTorch has them."""


class Step(NamedTuple):
    """One step of tailoring."""

    losses: Tensor
    """The samples' inner losses (b,) before it, of which a published step takes the mean over its batch."""
    frames: Tensor
    """The given and the predicted frames (b, t, ...) that the losses are of."""
    moved: Moved
    """The tensors after it."""


@dataclass(frozen=True)
class InnerSteps(Config):
    """How a sample is tailored before the prediction that counts."""

    steps: int = 1
    """0: the plain predictor."""
    lr: float = 1e-4
    clips: int = 1
    """The batch over which a published inner loss is a mean: a sample's own step is ``lr / clips``."""
    optimizer: InnerOptimizer = "sgd"
    compared: ComparedWith = "previous"
    similarity: Similarity = "squared"
    moves: InnerMoves = "conditioning"
    keep: Keep = "tailored"
    draws: Draws = "shared"
    jumps: int = 0
    """How often the steps are taken again from where they led, without gradients through what came before."""
    learn_lr: bool = False
    """Multiply the inner loss by exp(s) with a weight s, 0 at first."""

    place = "inner_"
    later = ("similarity", "moves", "keep", "draws", "jumps", "learn_lr")
    least = {"steps": 0, "lr": 0, "clips": 1, "jumps": 0}

    @property
    def num_draws(self) -> int:
        """How many draws of the latent variable a prediction needs: one for each jump, or for each prediction."""
        return (self.jumps + 1) * (self.steps + 1 if self.draws == "fresh" else 1)


@dataclass
class Descent:
    """A gradient step on every sample's own loss: SGD, or Adam with moments that begin at zero."""

    inner: InnerSteps
    number: int = field(default=0, init=False)
    moments: dict[str, tuple[Tensor, Tensor]] = field(default_factory=dict, init=False)

    def __call__(self, moved: Moved, gradients: Moved) -> Moved:
        """The tensors after the step."""
        self.number += 1
        return {name: value - self.inner.lr * self._direction(name, gradients[name]) for name, value in moved.items()}

    def _direction(self, name: str, gradient: Tensor) -> Tensor:
        if self.inner.optimizer == "sgd":
            return gradient
        zeros = torch.zeros_like(gradient)
        mean, square = self.moments.get(name, (zeros, zeros))
        mean = BETAS[0] * mean + (1 - BETAS[0]) * gradient
        square = BETAS[1] * square + (1 - BETAS[1]) * gradient.square()
        self.moments[name] = (mean, square)
        mean, square = (value / (1 - beta**self.number) for value, beta in zip((mean, square), BETAS, strict=True))
        return mean / (square.sqrt() + EPSILON)


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

    log_lr_scale: nn.Parameter | None

    def __init__(self, backbone: nn.Module, embedding: nn.Module, inner: InnerSteps) -> None:
        super().__init__()
        self.backbone, self.embedding, self.inner = backbone, embedding, inner
        self.log_lr_scale = nn.Parameter(torch.zeros(())) if inner.learn_lr else None

    def rollout(self, *inputs: Any) -> Rollout:
        """The tailored prediction of the backbone, called with the inputs; the first input has the samples."""
        *_, last = self.attempts(*inputs)
        return last

    def attempts(self, *inputs: Any) -> Iterator[Rollout]:
        """The tailored prediction, and one more after each jump."""
        if self.inner.steps == 0:
            yield self.backbone(*inputs)
            return
        start = self.start(self.inner, len(inputs[0]))
        moved = start
        for attempt in range(self.inner.jumps + 1):
            first = None
            for step in islice(self._steps(self.inner, moved, attempt, inputs), self.inner.steps):
                first, moved = first or step, step.moved
            assert first is not None
            final = functional_call(self.backbone, moved, self.inputs_of(attempt, self.inner.steps, inputs))
            yield final if self.inner.keep == "tailored" else self._improved(first, final)
            moved = {name: moved[name].detach() if is_conditioning(name) else start[name] for name in moved}

    def descend(self, inner: InnerSteps, *inputs: Any) -> Iterator[Step]:
        """Steps of tailoring, without end, down the sum of the samples' losses.

        As each sample has tensors of its own, the sum's gradient is that of its own loss and does not depend on the
        batch; where weights move, which the batch shares, it is the mean's. The result can be differentiated in what
        the loss depends on; where gradients are off, nothing is kept for that.
        """
        return self._steps(inner, self.start(inner, len(inputs[0])), 0, inputs)

    def start(self, inner: InnerSteps, num_samples: int) -> Moved:
        """The tensors that move, before the first step."""
        conditioning = identity_conditioning(self.backbone, num_samples)
        if inner.moves == "conditioning":
            return conditioning
        if inner.moves == "decoder-conditioning":
            return {name: values for name, values in conditioning.items() if name.startswith("decoder.")}
        weights = dict(self.backbone.named_parameters())
        return conditioning | {name: weights[name] for name in weights if name.startswith(("encoder.", "decoder."))}

    def inputs_of(self, attempt: int, number: int, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """The inputs of an attempt's prediction after ``number`` inner steps."""
        return inputs

    def _steps(self, inner: InnerSteps, moved: Moved, attempt: int, inputs: tuple[Any, ...]) -> Iterator[Step]:
        descent = Descent(inner)
        for number in count():
            slope_of = grad(self._total(inner, self.inputs_of(attempt, number, inputs)), has_aux=True)
            slopes, (losses, frames) = slope_of(moved)
            moved = descent(moved, slopes)
            yield Step(losses, frames, moved)

    def _total(self, inner: InnerSteps, inputs: tuple[Any, ...]) -> Callable[[Moved], tuple[Tensor, Any]]:
        """What a step goes down: a function of the moved tensors; and the samples' losses and frames."""

        def total(moved: Moved) -> tuple[Tensor, tuple[Tensor, Tensor]]:
            frames = functional_call(self.backbone, moved, inputs).frames
            losses = self._losses(inner, frames)
            loss = losses.mean() if inner.moves == "all-weights" else (losses / inner.clips).sum()
            scale = 1.0 if self.log_lr_scale is None else self.log_lr_scale.exp()
            return loss * scale, (losses, frames)

        return total

    def _losses(self, inner: InnerSteps, frames: Tensor) -> Tensor:
        """The samples' inner losses (b,)."""
        return conservation_loss(self.embedding(frames), inner.compared, inner.similarity)

    def _improved(self, first: Step, final: Rollout) -> Rollout:
        """The final frames where the inner loss is smaller than that of the first, else the first; all KL terms."""
        is_better = first.losses.detach() > self._losses(self.inner, final.frames).detach()
        chosen = is_better.view(-1, *[1] * (final.frames.dim() - 1))
        return Rollout(torch.where(chosen, final.frames, first.frames.detach()), final.divergence)


class TailoredPredictor:
    """A copy of any trained predictor of frames, whose weights move for a clip, and the quantity that is conserved.

    A :class:`TailoredNetwork` is trained through its inner steps, which takes second derivatives and the rules of
    torch.func: gains and offsets move, many clips at once. FERNN's shifts, padding and fused step and E3D-LSTM's
    history have neither. Here first derivatives do: one clip at a time, all weights move. The quantity is learned from
    true clips, or known.
    Source: Alet et al., "Tailoring: encoding inductive biases by optimizing unsupervised objectives at prediction
    time", NeurIPS 2021, for all weights.
    """

    def __init__(
        self, predictor: nn.Module, quantity: nn.Module, precision: Callable[[], AbstractContextManager[None]]
    ) -> None:
        """``precision`` is entered for each prediction by itself: autocast keeps weights that it has cast once."""
        self.predictor, self.quantity, self.precision = copy.deepcopy(predictor).eval(), quantity, precision
        self._weights = {name: weight for name, weight in self.predictor.named_parameters() if weight.requires_grad}
        self._trained = {name: weight.detach().clone() for name, weight in self._weights.items()}

    def descend(self, inner: InnerSteps, frames: Tensor, horizon: int) -> Iterator[Step]:
        """Steps for one clip, without end, from the trained weights; ``frames`` (1, t, c, h, w) are given.

        Each has the inner loss (1,) and the frames before it; the weights that move stay in the copy of the predictor.
        FERNN's published rollout has no gradient between predicted frames, so that the loss has the gradient of each
        frame by itself. Raises ValueError for more than one clip.
        """
        if len(frames) != 1:
            raise ValueError(f"frames must be of 1 clip, whose weights are its own, got {len(frames)}")
        self._put(self._trained)
        descent, weights = Descent(inner), list(self._weights.values())
        while True:
            with torch.enable_grad():
                with self.precision():
                    predicted = self.predictor(frames, horizon).float()
                clip = torch.cat([frames, predicted], dim=1)
                losses = conservation_loss(self.quantity(clip), inner.compared)
                total = losses.sum()
            yield Step(losses.detach(), clip.detach(), {})
            slopes = torch.autograd.grad(total, weights, allow_unused=True, materialize_grads=True)
            gradients = dict(zip(self._weights, slopes, strict=True))
            self._put(descent({name: weight.detach() for name, weight in self._weights.items()}, gradients))

    @torch.no_grad()
    def _put(self, values: dict[str, Tensor]) -> None:
        for name, weight in self._weights.items():
            weight.copy_(values[name])
