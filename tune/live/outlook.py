"""What a study has cost, and what is still to come, from what its folder holds."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from tune.core.folder import DamagedError
from tune.core.status import CellStatus
from tune.core.study import Study
from tune.live.records import seconds_of
from tune.planning.ledger import Session, sessions, total

OVER = ("done", "stopped", "diverged", "failed", "damaged")
"""What is not trained further, unless the search is started again."""


def outlook(study: Study, states: Sequence[CellStatus]) -> dict[str, Any]:
    """Spent and to come, by name; a number that is not known is None, and ``unknown`` says why."""
    try:
        searches = sessions(study.folder)
    except DamagedError as error:
        return {"spent": None, "to_come": to_come(study, states, None), "unknown": str(error)}
    spent = total(searches)
    return {
        "spent": spent._asdict() | {"searches": len(searches)},
        "to_come": to_come(study, states, price_of(searches)), "unknown": "",
    }  # fmt: skip


def price_of(searches: Sequence[Session]) -> float | None:
    """The price of a GPU-hour in the last search that had one."""
    return next((one.price_per_gpu_hour for one in reversed(searches) if one.price_per_gpu_hour is not None), None)


def to_come(study: Study, states: Sequence[CellStatus], price: float | None) -> dict[str, Any]:
    """Cells and epochs left, the seconds that their trials take together, the time with those that run now, GPU-hours.

    An epoch takes what the model's took so far: the median over its cells. Cells that a sampler has still to propose
    count as much as the mean of those that are there.
    """
    epoch_seconds, held = paces(study, states), gpus_held(study, states)
    left = [state for state in states if state.status not in OVER]
    ahead = {state.cell.key: state.cell.experiment.epochs - len(state.rows) for state in left}
    more = study.num_to_come
    wanted = states if more else left
    labels = {study.model_label(state.cell) for state in wanted}
    is_known = labels <= epoch_seconds.keys()

    def seconds(state: CellStatus, epochs: int) -> float:
        return epochs * epoch_seconds[study.model_label(state.cell)]

    def gpu_hours(state: CellStatus, epochs: int) -> float:
        return seconds(state, epochs) * held[study.model_label(state.cell)] / 3600

    def summed(weight: Any) -> float:
        whole = sum(weight(state, state.cell.experiment.epochs) for state in states) if more else 0.0
        return sum(weight(state, ahead[state.cell.key]) for state in left) + more * whole / max(1, len(states))

    work = summed(seconds) if is_known else None
    hours = summed(gpu_hours) if is_known and labels <= held.keys() else None
    running = sum(state.status == "running" for state in left)
    return {
        "cells": len(left) + more, "epochs": round(summed(lambda _, epochs: float(epochs))), "trial_seconds": work,
        "running": running, "seconds": work / running if work is not None and running else None,
        "gpu_hours": hours, "price": None if hours is None or price is None else hours * price,
    }  # fmt: skip


def paces(study: Study, states: Sequence[CellStatus]) -> Mapping[str, float]:
    """By model's label: the seconds of an epoch, the median over its cells of their mean."""
    means: dict[str, list[float]] = {}
    for state in states:
        if state.rows and (seconds := seconds_of(state)):
            means.setdefault(study.model_label(state.cell), []).append(seconds / len(state.rows))
    return {label: median(seconds) for label, seconds in means.items()}


def gpus_held(study: Study, states: Sequence[CellStatus]) -> Mapping[str, float]:
    """By model's label: the share of a GPU that its finished trials held, the median."""
    shares: dict[str, list[float]] = {}
    for state in states:
        if (share := state.result.held("gpus")) is not None:
            shares.setdefault(study.model_label(state.cell), []).append(share)
    return {label: median(values) for label, values in shares.items()}
