"""Tasks of the Noether Networks: frames predicted with draws of a latent variable, and states of small systems."""

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor, nn

from fernn.models.noether import NoetherNetwork, StateNetwork
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
        if not isinstance(model, StateNetwork):
            return super().loss(model, clips, labels)
        loss, states = model.outer_loss(clips, self.input_frames)
        return loss, (states - self.truth(clips)).square().mean().detach() * len(clips)

    def examples(self, model: nn.Module, clips: Tensor) -> dict[str, Tensor]:
        """None: states are no pictures."""
        return {}
