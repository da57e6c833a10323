"""Networks that predict the time derivatives of states, and are tailored by one inner step at each state.

Sources: Greydanus et al., "Hamiltonian Neural Networks", NeurIPS 2019, the plain network and the Hamiltonian one; Alet
et al., "Noether Networks: Meta-Learning Useful Conserved Quantities", NeurIPS 2021, scientific data, the inner step.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from fernn.models.base import ModelConfig
from fernn.models.formulas import Formula, parse
from fernn.models.noether.states import NO_FORMULA, STATE

LONGEST_STEP = 0.05
"""Of the integrator, in the data's unit of time."""
FARTHEST = 100.0
"""Where a rollout that runs away stands still, so that its error is a number."""


class Passed(NamedTuple):
    """What a linear map was given (n, in), and what it gave (n, out)."""

    inputs: Tensor
    outputs: Tensor


class Change(NamedTuple):
    """A step of a linear map's weights, each state's own: of the weight signal inputs^T, of the offset signal."""

    inputs: Tensor
    signal: Tensor

    def of(self, inputs: Tensor, has_offset: bool) -> Tensor:
        """What it adds to the outputs (n, out) of other ``inputs`` (n, in)."""
        return self.signal * ((self.inputs * inputs).sum(dim=-1, keepdim=True) + has_offset)


class DerivativeMLP(nn.Module):
    """States (n, 2) to two numbers each: two hidden layers with tanh, orthogonal weights, the last without offset."""

    def __init__(self, width: int) -> None:
        super().__init__()
        layers = nn.Linear(STATE, width), nn.Linear(width, width), nn.Linear(width, STATE, bias=False)
        for layer in layers:
            nn.init.orthogonal_(layer.weight)
        self.layers = nn.ModuleList(layers)

    def forward(self, states: Tensor) -> Tensor:
        return self.passed(states)[-1].outputs

    def passed(self, states: Tensor, changes: Sequence[Change] = ()) -> list[Passed]:
        """Every linear map's inputs and outputs, with its weights changed where ``changes`` are given."""
        passed, inputs = list[Passed](), states
        for number, layer in enumerate(self.layers):
            outputs = layer(inputs)
            if changes:
                outputs = outputs + changes[number].of(inputs, layer.bias is not None)
            passed.append(Passed(inputs, outputs))
            inputs = outputs.tanh()
        return passed


class DerivativeNetwork(nn.Module):
    """States (n, 2), q and p, to their time derivatives (n, 2), and rollouts along them.

    hamiltonian: (dH/dp, -dH/dq), where H is the second number of the perceptron; the first is not used. Else the
    perceptron's two numbers. A network with a formula g and an inner rate is tailored to each state x: all its weights
    take one step down the slope of (g(x) - g(x + f(x) interval))^2, and then it predicts. That begins with step
    ``derivative_steps`` of training, from the weights that the plain network has by then.
    """

    steps: Tensor

    def __init__(self, config: "DerivativeConfig") -> None:
        super().__init__()
        self.config, self.mlp = config, DerivativeMLP(config.width)
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.formula = None if config.formula == NO_FORMULA else parse(config.formula)
        constants = torch.tensor([] if self.formula is None else self.formula.constants())
        self.constants = nn.Parameter(constants, requires_grad=config.learns_constants and len(constants) > 0)

    @property
    def is_pretrained(self) -> bool:
        """Whether the steps of the plain network are over; of one without values (meta) they are not."""
        return not self.steps.is_meta and int(self.steps) >= self.config.derivative_steps

    @property
    def is_tailored(self) -> bool:
        """Whether there is a quantity to conserve, and a step to take."""
        return self.formula is not None and self.config.inner_lr > 0

    def derivatives(self, states: Tensor) -> Tensor:
        """The time derivatives (n, 2) of states (n, 2); with a graph only where gradients are asked for."""
        if self.config.hamiltonian:
            return self._hamiltonian(states)
        changes = self._changes(states) if self.is_tailored and self.is_pretrained else ()
        return self.mlp.passed(states, changes)[-1].outputs

    def _hamiltonian(self, states: Tensor) -> Tensor:
        is_differentiated = torch.is_grad_enabled()
        with torch.enable_grad():
            states = states if states.requires_grad else states.detach().requires_grad_()
            energy = self.mlp(states)[:, 1].sum()
        (slope,) = torch.autograd.grad(energy, states, create_graph=is_differentiated)
        return torch.stack([slope[:, 1], -slope[:, 0]], dim=1)

    def _changes(self, states: Tensor) -> list[Change]:
        """The inner step of every state: of rank one in each weight, so that no state needs a copy of the weights."""
        is_differentiated = torch.is_grad_enabled()
        with torch.enable_grad():
            passed = self.mlp.passed(states)
            drift = self.quantity(states + self.config.interval * passed[-1].outputs) - self.quantity(states)
            loss = drift.square().sum()
        signals = torch.autograd.grad(loss, [one.outputs for one in passed], create_graph=is_differentiated)
        rate = self.config.inner_lr
        return [Change(one.inputs, -rate * signal) for one, signal in zip(passed, signals, strict=True)]

    def quantity(self, states: Tensor) -> Tensor:
        """The formula's numbers (n,) of states (n, 2)."""
        assert self.formula is not None
        return self.formula.values(states, self.constants)

    def learned(self) -> Formula | None:
        """The formula with the constants that it has by now, None without one."""
        return None if self.formula is None else self.formula.with_constants(self.constants.tolist())

    def outer_loss(self, states: Tensor, derivatives: Tensor) -> Tensor:
        """The mean squared error of the derivatives (n, 2) of states (n, 2).

        Once its steps are over a network that is not tailored learns no more: its loss has no gradient.
        """
        is_over = self.is_pretrained and not self.is_tailored
        loss = (self.derivatives(states) - derivatives).square().mean()
        if self.training:
            self.steps += 1
        return loss.detach().requires_grad_() if is_over else loss

    def rollout(self, starts: Tensor, times: Tensor) -> Tensor:
        """The states (b, t, 2) at ``times`` (b, t) from ``starts`` (b, 2) on, by the classical Runge-Kutta method."""
        reached = [starts]
        for span in times.diff(dim=1).unbind(dim=1):
            number = max(1, math.ceil(span.max().item() / LONGEST_STEP))
            states = reached[-1]
            for _ in range(number):
                states = self._stepped(states, span[:, None] / number)
            reached.append(torch.nan_to_num(states, FARTHEST).clamp(-FARTHEST, FARTHEST))
        return torch.stack(reached, dim=1)

    def _stepped(self, states: Tensor, step: Tensor) -> Tensor:
        first = self.derivatives(states)
        second = self.derivatives(states + step / 2 * first)
        third = self.derivatives(states + step / 2 * second)
        fourth = self.derivatives(states + step * third)
        return states + step / 6 * (first + 2 * second + 2 * third + fourth)

    def forward(self, states: Tensor, horizon: int) -> Tensor:
        """The ``horizon`` states (b, horizon, 2, 1, 1), an interval apart, that follow ``states`` (b, t, 2, 1, 1)."""
        starts = states[:, -1].flatten(1)
        times = self.config.interval * torch.arange(horizon + 1, device=states.device).expand(len(states), -1)
        return self.rollout(starts, times)[:, 1:, :, None, None]


@dataclass(frozen=True)
class DerivativeConfig(ModelConfig):
    """A network that predicts derivatives: plain, Hamiltonian, or tailored so that a formula is conserved."""

    name: str = "vanilla-mlp"
    width: int = 200
    hamiltonian: bool = False
    """Derivatives are the symplectic gradient of a learned H."""
    formula: str = NO_FORMULA
    """What is conserved, as :func:`fernn.models.formulas.parse` reads it. none: nothing."""
    learns_constants: bool = True
    """Whether the formula's constants are learned through the inner step."""
    inner_lr: float = 0.0
    """The inner step's rate; 0: no inner step."""
    interval: float = 1.0
    """From a state to the one that the formula compares it with, time."""
    derivative_steps: int = 2001
    """Steps of training before those of meta-tailoring; in the latter a network that is not tailored learns no more."""

    @property
    def repeats_steps(self) -> bool:
        """The first steps are others than the later ones."""
        return False

    least = {"width": 1, "inner_lr": 0, "derivative_steps": 0}
    positive = ("interval",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.formula != NO_FORMULA:
            parse(self.formula)
            if self.hamiltonian:
                raise ValueError(f"formula must be none where hamiltonian is true, got {self.formula!r}")

    def build(self) -> DerivativeNetwork:
        return DerivativeNetwork(self)


def published(formula: str, energy: str, interval: float) -> tuple[DerivativeConfig, ...]:
    """The networks of a published system: without and with H, with the formula that was found, and with the energy."""
    plain = DerivativeConfig(interval=interval)
    tailored = DerivativeConfig("meta-tailored", formula=formula, inner_lr=0.1, interval=interval)
    oracle = DerivativeConfig("meta-oracle", formula=energy, learns_constants=False, inner_lr=0.1, interval=interval)
    return plain, DerivativeConfig("hnn", hamiltonian=True, interval=interval), tailored, oracle
