"""Tasks of the Noether Networks: frames predicted with draws of a latent variable, states, and their derivatives."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor, nn

from fernn.models.formulas import parse
from fernn.models.noether import DerivativeNetwork, NoetherNetwork, StateNetwork
from fernn.train.prediction import FrameErrors, Prediction
from fernn.train.task import RMSE


@dataclass(frozen=True)
class StochasticPrediction(Prediction):
    """Frames, by a Noether Network's own loss, else by mean squared error per pixel, which is the metric.

    In evaluation every clip has draws of its own, seeded by its label, whatever the batch; examples have the seeds
    0, 1, ...
    """

    actions: Tensor | None = None
    """What acts on the clips of a batch, (b, t, a); a network that reads no actions does not see them."""

    def under(self, actions: Tensor) -> Self:
        return replace(self, actions=actions)

    def loss(self, model: nn.Module, clips: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        if not isinstance(model, NoetherNetwork):
            return super().loss(model, clips, labels)
        loss, rollout = model.outer_loss(clips, model.noise(clips, clips.shape[1]), self.input_frames, self.actions)
        error = (rollout.frames - clips)[:, self.input_frames :].square().mean()
        return loss, error.detach() * len(clips)

    def predicted(self, model: nn.Module, clips: Tensor, labels: Tensor) -> Tensor:
        if not isinstance(model, NoetherNetwork):
            return super().predicted(model, clips, labels)
        return model(*self.inputs(clips), seeded_noise(model, clips, labels), self.actions).float()


def seeded_noise(model: NoetherNetwork, clips: Tensor, seeds: Tensor) -> Tensor:
    """Draws of every clip from a generator of its own, seeded with its entry of ``seeds`` (b,)."""
    like = model.noise(clips[:1], clips.shape[1])[0]
    draws = [torch.randn(like.shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds.tolist()]
    return torch.stack(draws).to(like)


class StateErrors(FrameErrors):
    """ "errors" (n, horizon): the mean squared error of every predicted state."""

    def metrics(self) -> dict[str, float]:
        """The root of the mean over states and sequences, and of the last states alone."""
        errors = self.errors.double()
        return {"rmse": errors.mean().sqrt().item(), "last_rmse": errors[:, -1].mean().sqrt().item()}


@dataclass(frozen=True)
class StatePrediction(Prediction):
    """The first states to those that follow, by mean squared error; the metric is its root."""

    metric, kind = RMSE, StateErrors

    def loss(self, model: nn.Module, clips: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """The model's own loss, in which each state is predicted from the true one before; else the prediction's."""
        if isinstance(model, DerivativeNetwork):
            raise ValueError(
                "it predicts derivatives, which data.protocol default does not have: give --preset paper-exact"
            )
        if not isinstance(model, StateNetwork):
            return super().loss(model, clips, labels)
        loss, states = model.outer_loss(clips, self.input_frames)
        return loss, (states - self.truth(clips)).square().mean().detach() * len(clips)

    def examples(self, model: nn.Module, clips: Tensor) -> dict[str, Tensor]:
        """None: states are no pictures."""
        return {}


class DerivativeErrors(StateErrors):
    """Errors of rollouts and of derivatives.

    "errors" (n, horizon): mean squared error of every state of a rollout; "derivative_errors" (n, t): of every state's
    derivative, predicted from the observed state; "energy_errors" (n, horizon): the squared difference of energies.
    """

    names = ("errors", "derivative_errors", "energy_errors")

    def metrics(self) -> dict[str, float]:
        """Those of a rollout, and the means of the two others."""
        means = {name: self.values[f"{name}_errors"].double().mean().item() for name in ("derivative", "energy")}
        return super().metrics() | {f"{name}_mse": mean for name, mean in means.items()}


@dataclass(frozen=True)
class DerivativePrediction(Prediction):
    """Observed states to their derivatives, by mean squared error; the metric is the RMSE of rollouts.

    A rollout begins at the true state that is given last. While training, the metric is that of derivatives.
    """

    energy: str

    metric, kind = RMSE, DerivativeErrors

    def loss(self, model: nn.Module, clips: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        states, derivatives = clips.flatten(2).flatten(0, 1), labels[..., 2:4].to(clips).flatten(0, 1)
        loss = derivative_network(model).outer_loss(states, derivatives)
        return loss, loss.detach() * len(clips)

    def evaluate(self, model: nn.Module, clips: Tensor, labels: Tensor) -> Mapping[str, Tensor]:
        network, known = derivative_network(model), labels.to(clips)[:, self.input_frames - 1 :]
        truth, energy = known[..., :2], parse(self.energy)
        rolled = network.rollout(truth[:, 0], known[..., 4])
        predicted = network.derivatives(clips.flatten(2).flatten(0, 1))
        slopes = labels[..., 2:4].to(clips) - predicted.view(*labels.shape[:2], 2)
        return {
            "errors": (rolled - truth)[:, 1:].square().mean(dim=-1),
            "derivative_errors": slopes.square().mean(dim=-1),
            "energy_errors": (energy.of(rolled) - energy.of(truth))[:, 1:].square(),
        }

    def examples(self, model: nn.Module, clips: Tensor) -> dict[str, Tensor]:
        """None: states are no pictures."""
        return {}


def derivative_network(model: nn.Module) -> DerivativeNetwork:
    """The model, if it predicts derivatives; else raises ValueError."""
    if not isinstance(model, DerivativeNetwork):
        raise ValueError("it predicts no derivatives, as the data's models vanilla-mlp, hnn and meta-tailored do")
    return model
