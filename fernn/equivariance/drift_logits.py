"""Logits of drifting clips from still ones, for an exactly equivariant classifier.

h[psi(w) f]_t(v) = psi_t(w) h[f]_t(v - w), and the head takes the mean over space. So the states of all v - w, run once
on clips that stand still, give the logits at every velocity w: one embedding and |V - W| slices a clip, where a
reading for each of the W velocities takes |W| embeddings and |W| |V| slices.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from fernn.batch import Batch
from fernn.flows.translation import Velocity, parse_velocities
from fernn.models.fernn import RecurrentClassifier
from fernn.train.evaluate import autocast, evaluating, to_unit
from fernn.train.run import Run

SLICES_AT_ONCE = 1400
"""Of all clips that run together: 0.7 GB for a state of 128 channels in float32, eight clips of FERNN-V2."""


def follows_law(model: nn.Module) -> bool:
    """Whether :class:`DriftLogits` can be computed of the model: whether it is an exactly equivariant classifier."""
    return isinstance(model, RecurrentClassifier) and model.is_equivariant


@dataclass(frozen=True)
class DriftLogits:
    """Logits (w, n, classes) of n clips at each velocity, their labels and names."""

    velocities: tuple[Velocity, ...]
    logits: Tensor
    labels: Tensor
    ids: list[str]

    @classmethod
    @torch.no_grad()
    def of(
        cls, run: Run, still: Sequence[Batch], velocities: Sequence[Velocity], told: Callable[[float], None]
    ) -> Self:
        """Those of the run's model; ``told`` is called with the share of the clips that is done."""
        model, precision, done = run.model, run.experiment.precision, 0
        assert isinstance(model, RecurrentClassifier)
        found, ids = [], list(chain.from_iterable(batch.ids for batch in still))
        with evaluating(model), autocast(run.device, precision):
            at_once = max(1, SLICES_AT_ONCE // len(model.drift_slices(velocities)))
            for clips in chain.from_iterable(batch.clips.split(at_once) for batch in still):
                found.append(model.drift_logits(to_unit(clips, run.device), velocities).float().cpu())
                done += len(clips)
                told(done / len(ids))
        return cls(tuple(velocities), torch.cat(found, dim=1), torch.cat([batch.labels for batch in still]), ids)

    def at(self, velocities: ArrayLike) -> dict[str, Tensor]:
        """The columns of a prediction of clips that move with ``velocities``, (2,) or (n, 2)."""
        asked = broadcast(velocities, len(self.ids))
        index = torch.tensor([self.velocities.index(velocity) for velocity in asked])
        return {"logits": self.logits[index, torch.arange(len(index))], "label": self.labels}


def broadcast(velocities: ArrayLike, count: int) -> tuple[Velocity, ...]:
    """One (vy, vx) a clip."""
    whole: NDArray[Any] = np.broadcast_to(velocities, (count, 2))
    return parse_velocities(whole.tolist())
