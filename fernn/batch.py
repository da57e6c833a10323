"""What data hands to training."""

from typing import NamedTuple

from torch import Tensor


class Batch(NamedTuple):
    """Clips (b, t, c, h, w) as uint8 grey levels or float32 in [0, 1], their labels (b, ...) and names.

    Where something acts on what the clips show, ``actions`` (b, t, a) has what acts between frame t and frame t + 1.
    """

    clips: Tensor
    labels: Tensor
    ids: list[str]
    actions: Tensor | None = None

    def first(self, number: int) -> "Batch":
        """The first ``number`` clips."""
        actions = None if self.actions is None else self.actions[:number]
        return Batch(self.clips[:number], self.labels[:number], self.ids[:number], actions)
