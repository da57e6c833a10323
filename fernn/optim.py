"""How weights are updated: one config class for each way, the plain one without a name of its own."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from fernn.config import Config, unknown_name


@dataclass(frozen=True)
class OptimConfig(Config):
    """Adam without weight decay or schedule, gradient norm clipped."""

    lr: float = 3e-4
    clip_norm: float | None = 1.0
    """Largest global norm of the gradient, None for no limit."""

    weight_decay = 0.0
    decay = 1.0
    betas = (0.9, 0.999)
    epsilon = 1e-8
    epsilon_in_root = False
    place = "optim."
    positive: ClassVar[tuple[str, ...]] = ("lr", "clip_norm")

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Adam:
        """A fresh optimizer of the parameters; PyTorch's, where it has the rule, updates all in one call.

        On a GPU the learning rate is a tensor there, so that a step which was recorded reads the rate of its epoch.
        """
        own = list(parameters)
        gpu = next((parameter.device for parameter in own if parameter.is_cuda), None)
        rate = self.lr if gpu is None else torch.tensor(self.lr, device=gpu)
        settings = rate, self.betas, self.epsilon, self.weight_decay
        if self.epsilon_in_root:
            return RootEpsilonAdam(own, *settings, capturable=gpu is not None)
        fused = not any(parameter.is_meta for parameter in own)
        return torch.optim.Adam(own, *settings, fused=fused, capturable=gpu is not None)

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
        moments = (
            "" if self.betas == (0.9, 0.999) else f", its moments decay by {self.betas[0]:g} and {self.betas[1]:g}"
        )
        return f"Adam {weights}, {rate}{moments}; {clipped}"


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


@dataclass(frozen=True)
class AdamConfig(OptimConfig):
    """Adam whose moments and epsilon are fields; the defaults are those of E3D-LSTM's code, for one clip a batch."""

    name: str = "adam"
    lr: float = 1e-3
    clip_norm: float | None = None
    betas: tuple[float, float] = (0.95, 0.9995)
    """What the means of the gradient and of its square keep of their last values."""
    epsilon: float = 1e-8
    """Added to the root of the second mean, or below it. A loss that is n times smaller wants epsilon / n, or / n^2."""
    epsilon_in_root: bool = True

    positive = ("lr", "clip_norm", "epsilon")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"optim.betas must be 0 or more and below 1 each, got {self.betas}")


class RootEpsilonAdam(torch.optim.Adam):
    """Adam that divides by sqrt(v + epsilon) instead of sqrt(v) + epsilon, without weight decay.

    Source: Wang et al., "Eidetic 3D LSTM", ICLR 2019, its code.
    """

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if weights:
                self._update(weights, [weight.grad for weight in weights], group)

    def _update(self, weights: list[Tensor], gradients: list[Tensor], group: dict[str, Any]) -> None:
        """Each operation on all weights by one call; counts are tensors, as a step that is recorded needs them."""
        (first, second), states = group["betas"], [self._state_of(weight) for weight in weights]
        steps, means, squares = ([state[name] for state in states] for name in ("step", "exp_avg", "exp_avg_sq"))
        torch._foreach_add_(steps, 1)
        torch._foreach_lerp_(means, gradients, 1 - first)
        torch._foreach_mul_(squares, second)
        torch._foreach_addcmul_(squares, gradients, gradients, 1 - second)
        counts = torch.stack(steps).double()
        roots = torch._foreach_div(squares, (1 - second**counts).unbind())
        torch._foreach_add_(roots, group["eps"])
        torch._foreach_sqrt_(roots)
        changes = torch._foreach_div(means, roots)
        torch._foreach_mul_(changes, (group["lr"] / (1 - first**counts)).unbind())
        torch._foreach_sub_(weights, changes)

    def _state_of(self, weight: Tensor) -> dict[str, Tensor]:
        state = self.state[weight]
        if not state:
            state |= {"step": weight.new_zeros((), dtype=torch.float32), "exp_avg": torch.zeros_like(weight)}
            state["exp_avg_sq"] = torch.zeros_like(weight)
        return state


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give the optimizer another learning rate; a rate that is a tensor stays the same one."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


OPTIMIZERS: dict[str, OptimConfig] = {"decaying-adam": DecayingAdamConfig(), "adam": AdamConfig()}
"""By the name that experiments have them under; the plain one has none."""


def optim_config(name: str, current: OptimConfig) -> OptimConfig:
    """The config registered as ``name``, ``current`` where it is that; raises KeyError with the nearest name."""
    if name not in OPTIMIZERS:
        raise KeyError(unknown_name(name, list(OPTIMIZERS), kind="optimizer"))
    return current if isinstance(current, type(OPTIMIZERS[name])) else OPTIMIZERS[name]
