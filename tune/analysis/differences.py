"""How two trainings of one cell differ: in their metrics, and in machine and code, the likely reasons."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

from fernn.train.loop import Row
from tune.core.code_record import FIRST_USED

OF_MACHINE = ("time/", "system/")
"""The prefixes of metrics that depend on the machine and its load, and not on the experiment and its data alone."""
FINAL = "final"
"""The place of a finished cell's metrics, after its epochs."""
Record = Mapping[str, Any]
IRRELEVANT = ("host", "held", "cores", "memory_bytes")
"""Properties of a machine that change no number."""


@dataclass(frozen=True)
class Training:
    """The metrics of a cell epoch by epoch, and the final ones of its best weights, empty where it diverged."""

    rows: Sequence[Row]
    final: Mapping[str, float]

    def numbers(self) -> dict[tuple[str, str], float]:
        """Every metric except times and the use of the machine, by epoch and name, in the order of training."""
        by_epoch = {
            (f"epoch {number}", name): value
            for number, row in enumerate(self.rows, start=1)
            for name, value in row.items()
            if not name.startswith(OF_MACHINE)
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
    most: dict[str, tuple[float, Difference]] = {}
    for difference in changed:
        size = difference.size
        if size is not None and size >= most.get(difference.metric, (0.0, difference))[0]:
            most[difference.metric] = size, difference
    return {metric: difference for metric, (_, difference) in most.items()}


def machine_changes(then: Record, now: Record) -> list[str]:
    """How another machine, or the same one later, differs."""
    names = [name for name in now if name not in IRRELEVANT]
    changed = [name for name in names if name in then and then[name] != now[name]]
    unknown = [name for name in names if name not in then]
    changes = [f"{name}: {then[name]} then, {now[name]} now" for name in changed]
    return changes + [f"not recorded then: {', '.join(unknown)}"] * bool(unknown)


def code_changes(names: Sequence[str], records: Mapping[str, Record], now: Record) -> list[str]:
    """How the current code and distributions differ from those that trained a cell."""
    if not names:
        return ["the code was not recorded then"]
    return [change for name in dict.fromkeys(names) for change in _changes(name, records.get(name), now)]


def _changes(name: str, then: Record | None, now: Record) -> list[str]:
    if then is None:
        return [f"code {name or '(unnamed)'} was not recorded then"]
    skipped = ("command", "diff", "distributions", FIRST_USED)
    fields = [field for field in now if field not in skipped and then.get(field) != now[field]]
    changes = [f"code {name}, {field}: {then.get(field)} then, {now[field]} now" for field in fields]
    ours, theirs = now["distributions"], then["distributions"]
    pairs = {package: (theirs.get(package, "absent"), ours.get(package, "absent")) for package in {**theirs, **ours}}
    versions = [f"{package} {old} then, {new} now" for package, (old, new) in pairs.items() if old != new]
    return changes + [f"code {name}, distributions: {'; '.join(versions)}"] * bool(versions)
