"""Compare two trainings of one cell: a hash of all their metrics, and where these differ."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan

from fernn.train.loop import Row

CLOCK = "time/"
"""The prefix of metrics that depend on the machine."""
FINAL = "final"
"""The place of a finished cell's metrics, after its epochs."""


@dataclass(frozen=True)
class Training:
    """The metrics of a cell epoch by epoch, and the final ones of its best weights, empty where it diverged."""

    rows: Sequence[Row]
    final: Mapping[str, float]

    def numbers(self) -> dict[tuple[str, str], float]:
        """Every metric except times, by epoch and name, in the order of training."""
        by_epoch = {
            (f"epoch {number}", name): value
            for number, row in enumerate(self.rows, start=1)
            for name, value in row.items()
            if not name.startswith(CLOCK)
        }
        return by_epoch | {(FINAL, name): value for name, value in self.final.items()}

    @property
    def sha256(self) -> str:
        """A hash of all numbers: where it is equal, every metric is equal bit for bit."""
        text = json.dumps([[*where, value] for where, value in sorted(self.numbers().items())])
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Difference:
    """A metric that differs between two trainings; None where a training ended earlier."""

    where: str
    metric: str
    recorded: float | None
    rerun: float | None

    @property
    def size(self) -> float | None:
        """The absolute difference."""
        return None if self.recorded is None or self.rerun is None else abs(self.rerun - self.recorded)


def differences(recorded: Training, rerun: Training) -> list[Difference]:
    """Every metric that differs, the earliest first."""
    before, after = recorded.numbers(), rerun.numbers()
    longest = max(len(recorded.rows), len(rerun.rows))
    order = [*(f"epoch {number}" for number in range(1, longest + 1)), FINAL]
    keys = sorted({**before, **after}, key=lambda key: order.index(key[0]))
    pairs = [(key, before.get(key), after.get(key)) for key in keys]
    return [Difference(*key, old, new) for key, old, new in pairs if not _same(old, new)]


def _same(one: float | None, other: float | None) -> bool:
    return one == other or (one is not None and other is not None and isnan(one) and isnan(other))


def largest(changed: Sequence[Difference]) -> dict[str, Difference]:
    """The largest difference of each metric, the last of equal ones."""
    most: dict[str, Difference] = {}
    for one in changed:
        if one.size is not None and one.size >= (most[one.metric].size or 0.0 if one.metric in most else 0.0):
            most[one.metric] = one
    return most
