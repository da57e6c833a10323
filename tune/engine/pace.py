"""How fast cells are trained: what a plan has measured, and a running search goes by."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Pace:
    """What the plan knows of the cells: seconds for an epoch by model, and epochs that are done, by key."""

    epoch_seconds: Mapping[str, float] = field(default_factory=dict)
    epochs_done: Mapping[str, int] = field(default_factory=dict)
