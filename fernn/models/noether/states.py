"""Noether Networks for the states of small physical systems: a plain network, tailored so that a quantity is conserved.

Source: Alet et al., "Noether Networks: Meta-Learning Useful Conserved Quantities", NeurIPS 2021, scientific data.
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from fernn.layers.conditional import ConditionalNorm
from fernn.models.base import ModelConfig
from fernn.models.formulas import Formula, parse
from fernn.models.noether.quantities import ComparedWith, learning_terms
from fernn.models.noether.tailoring import InnerSteps, Rollout, TailoredNetwork

STATE = 2
"""Numbers of a state: position q and momentum p."""
NO_FORMULA = "none"
StateQuantityName = Literal["learned", "pendulum-energy", "spring-energy"]


class StateQuantity(nn.Module):
    """States (b, t, 2, 1, 1) to a learned quantity (b, t, d): two hidden layers with tanh."""

    def __init__(self, width: int, dimensions: int) -> None:
        super().__init__()
        hidden = [(nn.Linear(c_in, c_out), nn.Tanh()) for c_in, c_out in pairwise((STATE, width, width))]
        self.layers = nn.Sequential(*(part for parts in hidden for part in parts), nn.Linear(width, dimensions))

    def forward(self, sequences: Tensor) -> Tensor:
        return self.layers(sequences.flatten(2))


class Energy(nn.Module):
    """The energy that the system is known to conserve, (b, t, 1): p^2 + 3 (1 - cos q), or p^2 + q^2."""

    def __init__(self, quantity: StateQuantityName) -> None:
        super().__init__()
        self.quantity = quantity

    def forward(self, sequences: Tensor) -> Tensor:
        q, p = sequences.flatten(2).split(1, dim=-1)
        return p.square() + (3 * (1 - q.cos()) if self.quantity == "pendulum-energy" else q.square())


class Stepper(nn.Module):
    """The next state x + f(x); f has two hidden layers, each a linear map, conditional normalisation and tanh."""

    def __init__(self, width: int) -> None:
        super().__init__()
        hidden = [(nn.Linear(c_in, width), ConditionalNorm(width), nn.Tanh()) for c_in in (STATE, width)]
        self.layers = nn.Sequential(*(part for parts in hidden for part in parts), nn.Linear(width, STATE))

    def forward(self, sequences: Tensor, num_given: int, horizon: int, taught: bool = False) -> Rollout:
        """The given states of sequences (b, t, 2, 1, 1) and ``horizon`` more.

        ``taught``: each is predicted from the true state before it, all at once; else from the predicted one.
        """
        given = sequences.flatten(2)
        if taught:
            before = given[:, num_given - 1 : num_given - 1 + horizon]
            states = torch.cat([given[:, :num_given], self.following(before.flatten(0, 1)).view_as(before)], dim=1)
        else:
            rolled = [*given[:, :num_given].unbind(dim=1)]
            for _ in range(horizon):
                rolled.append(self.following(rolled[-1]))
            states = torch.stack(rolled, dim=1)
        return Rollout(states[..., None, None], states.new_zeros(len(states)))

    def following(self, states: Tensor) -> Tensor:
        """The states (n, 2) that follow states (n, 2); where a sample has several, they are neighbours."""
        return states + self.layers(states)


class StateNetwork(TailoredNetwork):
    """A stepper, and the quantity that its predictions are to conserve."""

    def forward(self, states: Tensor, horizon: int) -> Tensor:
        """The ``horizon`` states (b, horizon, 2, 1, 1) that follow ``states`` (b, t, 2, 1, 1)."""
        return self.rollout(states, states.shape[1], horizon).frames[:, states.shape[1] :]

    def outer_loss(self, sequences: Tensor, num_given: int) -> tuple[Tensor, Tensor]:
        """The loss of training, and the states (b, horizon, 2, 1, 1), each predicted from the true one before it.

        The stepper learns from the mean squared error, without tailoring: its weights are those that it has with no
        quantity. A learned quantity learns from true sequences by
        :func:`fernn.models.noether.quantities.learning_terms`. The paper learns it through the inner step; from 25
        sequences that overfits (LOG).
        """
        states = self.backbone(sequences, num_given, sequences.shape[1] - num_given, True).frames[:, num_given:]
        loss = (states - sequences[:, num_given:]).square().mean()
        if [*self.embedding.parameters()]:
            loss = sum(learning_terms(self.embedding(sequences)), start=loss)
        return loss, states


@dataclass(frozen=True)
class TailoredStateConfig(ModelConfig):
    """A network that predicts states, and how it is tailored; with ``inner_steps`` 0 nothing is conserved."""

    inner_steps: int = 10
    inner_lr: float = 3e-4
    """Chosen with ``inner_steps`` by the validation error of both systems: longer steps overshoot on the sequences
    whose energy reacts most."""
    compared: ComparedWith = "first"
    width: int = 64

    least = {"inner_steps": 0, "inner_lr": 0, "width": 1}

    def inner(self) -> InnerSteps:
        """How a sequence is tailored."""
        return InnerSteps(self.inner_steps, self.inner_lr, compared=self.compared)

    def build(self) -> StateNetwork:
        """The network, with PyTorch's default initial weights."""
        return StateNetwork(Stepper(self.width), self.quantity_module(), self.inner())

    def quantity_module(self) -> nn.Module:
        """What is conserved: sequences (b, t, 2, 1, 1) to (b, t, d)."""
        raise NotImplementedError(f"{type(self).__name__} must define quantity_module()")


@dataclass(frozen=True)
class StateConfig(TailoredStateConfig):
    """One that conserves a quantity that a network learns, or a known one."""

    name: str = "noether"
    quantity: StateQuantityName = "learned"
    """learned: by training; the energies: the ones that the systems conserve."""
    dimensions: int = 1
    """Numbers that are to be conserved, where they are learned."""

    least = {**TailoredStateConfig.least, "dimensions": 1}

    def quantity_module(self) -> nn.Module:
        learned = self.quantity == "learned" and self.inner_steps > 0
        return StateQuantity(self.width, self.dimensions) if learned else Energy(self.quantity)


class FormulaQuantity(nn.Module):
    """States (b, t, 2, 1, 1) to a formula's numbers (b, t, 1), times a gain; gain and constants are trained."""

    def __init__(self, formula: Formula) -> None:
        super().__init__()
        self.formula = formula
        self.constants = nn.Parameter(torch.tensor(formula.constants()))
        self.log_gain = nn.Parameter(torch.zeros(()))

    def forward(self, sequences: Tensor) -> Tensor:
        return (self.log_gain.exp() * self.formula.values(sequences.flatten(2), self.constants))[..., None]

    def learned(self) -> Formula:
        """The formula with the constants that it has by now, without the gain."""
        return self.formula.with_constants(self.constants.tolist())


@dataclass(frozen=True)
class SymbolicConfig(TailoredStateConfig):
    """One that conserves a formula, whose constants it learns as :class:`StateConfig` does a quantity."""

    name: str = "symbolic"
    formula: str = "p**2 + q**2"
    """As :func:`fernn.models.formulas.parse` reads it; its numbers are where its constants begin. none: nothing is
    conserved."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.quantity_module()

    def inner(self) -> InnerSteps:
        inner = super().inner()
        return replace(inner, steps=0) if self.formula == NO_FORMULA else inner

    def quantity_module(self) -> nn.Module:
        return nn.Identity() if self.formula == NO_FORMULA else FormulaQuantity(parse(self.formula))
