"""The speed of training that a plan measures, for the time left that a running search shows."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Pace:
    """Seconds of an epoch by the model's label, and numbers of finished epochs by the cell's key."""

    epoch_seconds: Mapping[str, float] = field(default_factory=dict)
    epochs_done: Mapping[str, int] = field(default_factory=dict)
