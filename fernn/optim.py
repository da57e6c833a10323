"""How weights are updated: one config class for each way, the plain one without a name of its own."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn

from fernn.config import Config, unknown_name


@dataclass(frozen=True)
class OptimConfig(Config):
    """Adam without weight decay or schedule, gradient norm clipped."""

    lr: float = 3e-4
    clip_norm: float | None = 1.0
    """Largest global norm of the gradient, None for no limit."""

    weight_decay = 0.0
    decay = 1.0
    place = "optim."
    positive = ("lr", "clip_norm")

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Adam:
        """A fresh optimizer of the parameters."""
        return torch.optim.Adam(parameters, lr=self.lr, weight_decay=self.weight_decay)

    def lr_at(self, epoch: int) -> float:
        """The learning rate after ``epoch`` whole epochs: of the epoch alone, so that a resumed run has it too."""
        return self.lr * self.decay**epoch

    def words(self) -> str:
        """How weights are updated, but for the learning rate."""
        weights, rate, clipped = "without weight decay", "without schedule", "gradients are not clipped"
        if self.weight_decay:
            weights = f"with weight decay {self.weight_decay:g} (L2, added to the gradient)"
        if self.decay < 1:
            rate = f"its learning rate multiplied by {self.decay:g} after every epoch"
        if self.clip_norm is not None:
            clipped = f"the gradient's norm is clipped at {self.clip_norm:g}"
        return f"Adam {weights}, {rate}; {clipped}"


@dataclass(frozen=True)
class DecayingAdamConfig(OptimConfig):
    """Adam with weight decay whose learning rate is multiplied by ``decay`` after every epoch."""

    name: str = "decaying-adam"
    lr: float = 1e-3
    clip_norm: float | None = None
    weight_decay: float = 4e-4
    """Added to the gradient, as a multiple of the weight (L2, not decoupled)."""
    decay: float = 0.9

    least = {"weight_decay": 0}

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.decay <= 1:
            raise ValueError(f"optim.decay must be above 0 and at most 1, got {self.decay}")


OPTIMIZERS: dict[str, OptimConfig] = {"decaying-adam": DecayingAdamConfig()}
"""By the name that experiments have them under; the plain one has none."""


def optim_config(name: str, current: OptimConfig) -> OptimConfig:
    """The config registered as ``name``, ``current`` where it is that; raises KeyError with the nearest name."""
    if name not in OPTIMIZERS:
        raise KeyError(unknown_name(name, list(OPTIMIZERS), kind="optimizer"))
    return current if isinstance(current, type(OPTIMIZERS[name])) else OPTIMIZERS[name]
