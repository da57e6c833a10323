"""What a trial takes in time and GPU-hours, where the trials of its model run on one or several kinds of GPU."""

from collections.abc import Sequence
from dataclasses import dataclass
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
