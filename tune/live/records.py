"""What the page shows of cells and groups of seeds, as JSON."""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from fernn.equivariance import breaches
from tune.core.choice import Choice, value_text
from tune.core.console import masked
from tune.core.status import CellStatus
from tune.core.study import Study

MOST_POINTS = 150
"""Of a line: more than a screen tells apart."""
LAST_LINES = 5
"""Of the reason why a cell failed."""
DIGITS = 5
"""Significant digits of a number on the page."""


def rounded(value: float | None) -> float | None:
    """The number as the page needs it; None for one that JSON does not have."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.{DIGITS}g}")


def cell_record(study: Study, state: CellStatus) -> dict[str, Any]:
    """A cell: which it is, its status and numbers so far, and why it ended without a result."""
    cell, metric = state.cell, state.cell.metric
    machine = state.result.machine
    numbers = {"best": state.best, "test": state.test, "seconds": seconds_of(state)}
    texts = {
        f"{name}_text": "" if (value := numbers[name]) is None else metric.text(value) for name in ("best", "test")
    }
    return {
        "cell": cell.name, "label": study.label(cell), "group": group_id(study, state), "status": state.status,
        "seed": cell.experiment.seed, "epoch": len(state.rows), "epochs": cell.experiment.epochs,
        "best_epoch": state.best_epoch, **{name: rounded(value) for name, value in numbers.items()}, **texts,
        "host": machine.get("host", ""), "reason": masked(last_lines(state.reason)),
    }  # fmt: skip


def last_lines(text: str) -> str:
    """The last lines of a text."""
    return "\n".join(text.strip().splitlines()[-LAST_LINES:])


def seconds_of(state: CellStatus) -> float | None:
    """Seconds of training and validation so far, None where nothing was timed."""
    parts = [seconds for part in ("train", "validation") if (seconds := state.seconds(part)) is not None]
    return sum(parts) if parts else None


def group_id(study: Study, state: CellStatus) -> str:
    """The name of the cell's model and choice."""
    return f"{study.model_label(state.cell)} · {study.choice(state.cell).text}"


def group_record(study: Study, label: str, choice: Choice, states: Sequence[CellStatus]) -> dict[str, Any]:
    """The seeds of a model and a choice: values, how many are done, their mean by epoch, and the mean of their best.

    The last is of the seeds that are done; until one is, of those that have begun.
    """
    metric = study.metric
    begun = [state for state in states if state.best is not None]
    done = [state for state in begun if state.status == "done"]
    bests = [state.best for state in done or begun if state.best is not None]
    best = sum(bests) / len(bests) if bests else None
    epochs, means = thinned(mean_by_epoch(states, f"validation/{metric.name}"))
    return {
        "group": group_id(study, states[0]), "model": label, "choice": choice.text,
        "values": {name: value if is_number(value) else value_text(value) for name, value in choice.values},
        "seeds": len(states), "begun": len(begun), "done": len(done),
        "best": rounded(best), "best_text": "" if best is None else metric.text(best),
        "epochs": epochs, "means": [rounded(mean) for mean in means],
    }  # fmt: skip


def is_number(value: Any) -> bool:
    """Whether a plot has an axis for it."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def mean_by_epoch(states: Iterable[CellStatus], name: str) -> list[float]:
    """The mean by epoch, over the seeds that have come so far."""
    histories = [[row[name] for row in state.rows if name in row] for state in states]
    columns = ([value for value in column if value is not None] for column in zip_longest(*histories))
    return [sum(column) / len(column) for column in columns]


def thinned(values: Sequence[float]) -> tuple[list[int], list[float]]:
    """At most :data:`MOST_POINTS` epochs, evenly spread from the first to the last, and the values there."""
    step = max(1, math.ceil((len(values) - 1) / (MOST_POINTS - 1))) if len(values) > 1 else 1
    places = [*range(0, len(values), step)]
    places += [len(values) - 1] if places and places[-1] != len(values) - 1 else []
    return [place + 1 for place in places], [values[place] for place in places]


def law_records(study: Study, states: Iterable[CellStatus]) -> list[dict[str, Any]]:
    """By model: the largest equivariance error of its finished cells in each precision, and where the law is broken."""
    worst: dict[str, dict[str, float]] = {}
    for state in states:
        errors = worst.setdefault(study.model_label(state.cell), {})
        for name, error in state.result.law_errors.items():
            errors[name] = max(error, errors.get(name, error))
    return [
        {"model": model, "errors": {name: f"{error:.1e}" for name, error in errors.items()},
         "breaches": breaches(errors)}
        for model, errors in worst.items() if errors
    ]  # fmt: skip


def history_record(state: CellStatus) -> dict[str, Any]:
    """A cell's metrics by epoch, thinned, and its equivariance errors."""
    names = dict.fromkeys(name for row in state.rows[-1:] for name in row if name.startswith(("train/", "validation/")))
    columns = {name: thinned([row.get(name, math.nan) for row in state.rows]) for name in names}
    lines = {name: {"epochs": epochs, "values": [rounded(value) for value in values]}
             for name, (epochs, values) in columns.items()}  # fmt: skip
    return {"lines": lines, "law_errors": {name: f"{error:.1e}" for name, error in state.result.law_errors.items()},
            "reason": state.reason, "machine": dict(state.result.machine)}  # fmt: skip


def versioned(
    known: Mapping[str, tuple[int, dict[str, Any]]], records: Iterable[dict[str, Any]], key: str, version: int
) -> dict[str, tuple[int, dict[str, Any]]]:
    """The records by name, each with the version in which it last changed: this one where it is new or another."""
    made: dict[str, tuple[int, dict[str, Any]]] = {}
    for record in records:
        before = known.get(record[key])
        made[record[key]] = before if before is not None and before[1] == record else (version, record)
    return made
