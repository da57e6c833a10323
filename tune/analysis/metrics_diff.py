"""What two trainings of one cell have in common: a hash of all their metrics, and where they first differ."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan

from fernn.train.loop import Row

CLOCK = "time/"
"""What a metric's name begins with that depends on the machine."""
FINAL = "final"
"""Where the metrics stand that a finished cell ends with, after its epochs."""


@dataclass(frozen=True)
class Training:
    """The metrics of a cell, epoch by epoch, and those of its best weights at the end; none where it diverged."""

    rows: Sequence[Row]
    final: Mapping[str, float]

    def numbers(self) -> dict[tuple[str, str], float]:
        """Every metric but times, by epoch and name, in the order in which they came."""
        found = {
            (f"epoch {number}", name): value
            for number, row in enumerate(self.rows, start=1)
            for name, value in row.items()
            if not name.startswith(CLOCK)
        }
        return found | {(FINAL, name): value for name, value in self.final.items()}

    @property
    def sha256(self) -> str:
        """Equal hash, equal metrics in every bit."""
        text = json.dumps([[*where, value] for where, value in sorted(self.numbers().items())])
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Difference:
    """A metric that two trainings do not share; None where a training has not got so far."""

    where: str
    metric: str
    recorded: float | None
    rerun: float | None

    @property
    def size(self) -> float | None:
        """How far they are apart."""
        return None if self.recorded is None or self.rerun is None else abs(self.rerun - self.recorded)


def differences(recorded: Training, rerun: Training) -> list[Difference]:
    """Every metric that is not the same, the earliest first."""
    one, other = recorded.numbers(), rerun.numbers()
    places = [place for place in {**one, **other} if not _same(one.get(place), other.get(place))]
    order = {name: index for index, name in enumerate(_places(recorded, rerun))}
    return [Difference(*place, one.get(place), other.get(place)) for place in sorted(places, key=lambda p: order[p[0]])]


def _places(*trainings: Training) -> list[str]:
    return [f"epoch {number + 1}" for number in range(max(len(one.rows) for one in trainings))] + [FINAL]


def _same(one: float | None, other: float | None) -> bool:
    return one == other or (one is not None and other is not None and isnan(one) and isnan(other))


def largest(found: Sequence[Difference]) -> dict[str, Difference]:
    """By metric: where the two are farthest apart."""
    most: dict[str, Difference] = {}
    for one in found:
        if one.size is not None and one.size >= (most[one.metric].size or 0.0 if one.metric in most else 0.0):
            most[one.metric] = one
    return most
