"""Successive halving: a model's worse learning rates stop early, each with all its seeds.

The rule is that of ASHA (Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020), on the
mean over a learning rate's seeds. A rung is decided when all cells have reached it, from the rows in their folders.
So the outcome depends neither on the speed of workers nor on how often the search was stopped.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import chain
from math import ceil

from tune.analysis.statistics import mean_and_deviation
from tune.core.study import Cell, Study

REDUCTION = 3
"""One of three learning rates continues after a rung."""
NUM_RUNGS = 3
MIN_EPOCHS = 3
"""The earliest rung."""


@dataclass(frozen=True)
class Segment:
    """Cells to train now, and the epoch at which they pause (None: they train to their last epoch)."""

    cells: list[Cell]
    until: int | None = None
    stopped: tuple[Cell, ...] = ()
    """Cells that were stopped by this decision."""


def rungs(epochs: int) -> list[int]:
    """The epochs after which learning rates are compared."""
    candidates = {epochs // REDUCTION**power for power in range(1, NUM_RUNGS + 1)}
    return sorted(rung for rung in candidates if rung >= MIN_EPOCHS)


def next_segment(study: Study, failed: Collection[Cell]) -> Segment:
    """Stop the cells that lose at the last complete rung; the cells to train next, without those that ``failed``.

    A diverged cell counts with the metric's worst value on its rungs. After any other failure the segment is empty,
    which ends the search: the next search tries that cell again.
    """
    stopped: list[Cell] = []
    if study.halves:
        if any(cell in failed and not study.cell_folder(cell).diverged() for cell in study.cells):
            return Segment([])  # the failed cell has no value on its rung yet
        stopped += _stop_incomplete(study)
        for rung in rungs(study.cells[0].experiment.epochs):
            if below := [cell for cell in _left(study, failed) if len(study.cell_folder(cell).history()) < rung]:
                return Segment(below, rung, tuple(stopped))
            stopped += _stop_losers(study, rung)
    return Segment(_left(study, failed), None, tuple(stopped))


def _left(study: Study, failed: Collection[Cell]) -> list[Cell]:
    return [cell for cell in study.missing() if cell not in failed]


def _stop_incomplete(study: Study) -> list[Cell]:
    """Stop all seeds of a stopped learning rate; some are left where seeds were added or the driver was killed."""
    stopped = []
    for cells in chain.from_iterable(rates.values() for rates in study.groups.values()):
        reasons = [reason for cell in cells if (reason := study.cell_folder(cell).stopped()) is not None]
        stopped += _stop(study, cells, reasons[0]) if reasons else []
    return stopped


def _stop_losers(study: Study, rung: int) -> list[Cell]:
    """Stop each model's learning rates that pause at the rung and are not among its best third."""
    stopped = []
    for rates in study.groups.values():
        means = {rate: mean for rate, cells in rates.items() if (mean := _mean_at(study, cells, rung)) is not None}
        num_best = ceil(len(means) / REDUCTION)
        best = sorted(means, key=lambda rate: (-study.metric.rank(round(means[rate], 12)), rate.order))[:num_best]
        for rate in means:
            if rate not in best and not any(len(study.cell_folder(cell).history()) > rung for cell in rates[rate]):
                value = f"mean validation {study.metric.title} {study.metric.text(means[rate])} at epoch {rung}"
                reason = f"{value}, not in the best {num_best} of {len(means)} learning rates"
                stopped += _stop(study, rates[rate], reason)
    return stopped


def _stop(study: Study, cells: Sequence[Cell], reason: str) -> list[Cell]:
    stopping = [cell for cell in cells if not study.settled(cell)]
    for cell in stopping:
        study.cell_folder(cell).stop(reason)
    return stopping


def _mean_at(study: Study, cells: Sequence[Cell], rung: int) -> float | None:
    """The mean over seeds of the best validation metric up to the rung; None where a seed has not reached it."""
    values = []
    for cell in cells:
        folder = study.cell_folder(cell)
        rows = folder.history()
        if len(rows) >= rung:
            values.append(rows[rung - 1][f"best/{study.metric.name}"])
        elif folder.diverged():  # it never reaches the rung
            values.append(study.metric.worst)
        else:
            return None
    return mean_and_deviation(values)[0]
