"""What a trial takes in time and GPU-hours, where the trials of its model run on one or several kinds of GPU."""

from bisect import insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple


class Bill(NamedTuple):
    """Wall-clock seconds, and GPU-hours: hours times the share of a GPU that a trial holds."""

    seconds: float
    gpu_hours: float


@dataclass(frozen=True)
class Lane:
    """The trials of a model on one kind of GPU."""

    count: int
    """How many run at the same time."""
    gpus: float
    """The share of a GPU that each holds."""
    seconds: float
    """What a clip takes of one alone."""
    slower: tuple[float, float] = (1.0, 1.0)
    """How many times longer it takes beside the others, at least and at most."""


class Mean(NamedTuple):
    """A clip's mean over kinds of GPU: seconds, GPUs that its trial holds, and the product of both."""

    seconds: float
    gpus: float
    gpu_seconds: float


def mean(lanes: Sequence[Lane], seconds: Sequence[float]) -> Mean:
    """The mean of trials that take those seconds on the lanes, each of which takes as many as its speed allows."""
    rates = [lane.count / each for lane, each in zip(lanes, seconds, strict=True)]
    parts = [(rate / sum(rates), lane.gpus, each) for rate, lane, each in zip(rates, lanes, seconds, strict=True)]
    return Mean(
        sum(part * each for part, _, each in parts),
        sum(part * gpus for part, gpus, _ in parts),
        sum(part * gpus * each for part, gpus, each in parts),
    )


def bills(lanes: Sequence[Lane], num_clips: float) -> tuple[Bill, Bill]:
    """What a trial with so many clips takes of the time in which all of its model run: at least, and at most."""
    count = sum(lane.count for lane in lanes)
    low, high = (mean(lanes, [num_clips * lane.seconds * lane.slower[bound] for lane in lanes]) for bound in (0, 1))
    return Bill(low.seconds / count, low.gpu_seconds / 3600), Bill(high.seconds / count, high.gpu_seconds / 3600)


class EpochTimes:
    """The seconds of an epoch of each model: as trained so far, beside other trials; as planned until then.

    A model that has had no epoch yet is taken to be as much slower than its plan as the others.
    """

    def __init__(self, planned: Mapping[str, float]) -> None:
        self.planned = planned
        self._rising: dict[str, list[float]] = {}
        self._slower = 1.0

    def __bool__(self) -> bool:
        """Whether an epoch was trained."""
        return bool(self._rising)

    def add(self, label: str, seconds: float) -> None:
        """An epoch of the model with that label took so long."""
        insort(self._rising.setdefault(label, []), seconds)
        factors = [
            middle(rising) / self.planned[name] for name, rising in self._rising.items() if self.planned.get(name)
        ]
        self._slower = median(factors) if factors else 1.0

    def of(self, label: str) -> float | None:
        """The median of the model's epochs so far, else what its plan says; None where neither is known."""
        if label in self._rising:
            return middle(self._rising[label])
        planned = self.planned.get(label)
        return None if planned is None else self._slower * planned


def middle(rising: Sequence[float]) -> float:
    """The median of numbers in rising order, which are not sorted again."""
    return (rising[(len(rising) - 1) // 2] + rising[len(rising) // 2]) / 2
