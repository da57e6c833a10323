"""Successive halving: a model's worse choices, such as learning rates, stop early, each with all its seeds.

The rule is that of ASHA (Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020), on the
mean over a choice's seeds. A rung is decided when all cells of a model have reached it, from the rows in their folders.
So the outcome depends neither on the speed of workers nor on how often the search was stopped. Until then those choices
go on that are among the best whatever the others reach.
"""

from collections.abc import Mapping
from math import ceil

from tune.analysis.statistics import mean_and_deviation
from tune.core.choice import Choice
from tune.planning.segment import Contest, Segment

REDUCTION = 3
"""One of three choices continues after a rung."""
NUM_RUNGS = 3
MIN_EPOCHS = 3
"""The earliest rung."""
RISK = "at a risk that is not known: a choice that learns slowly at first can be stopped"


def rungs(epochs: int) -> list[int]:
    """The epochs after which choices are compared."""
    candidates = {epochs // REDUCTION**power for power in range(1, NUM_RUNGS + 1)}
    return sorted(rung for rung in candidates if rung >= MIN_EPOCHS)


def halving_segment(contest: Contest) -> Segment:
    """Stop the choices that lose at the last complete rung; what to train next.

    A diverged cell counts with the metric's worst value on its rungs.
    """
    ends = rungs(contest.study.cells[0].experiment.epochs)
    for rung, following in zip(ends, [*ends[1:], None], strict=True):
        below = [seed for seed in contest.left if len(seed.rows) < rung]
        if below:
            going = [(seed, following) for choice in _certain(contest, rung) for seed in contest.groups[choice]]
            steps = [*((seed, rung) for seed in below), *going]
            return contest.segment(*((seed.cell, until) for seed, until in steps if seed.lacks(until)))
        _stop_losers(contest, rung)
    return contest.segment(*((seed.cell, None) for seed in contest.left))


def _certain(contest: Contest, rung: int) -> list[Choice]:
    """The choices that are among the best of the rung whatever the values of those that have not reached it."""
    means = means_at(contest, rung)
    pending = sum(choice not in means for choice in contest.live)
    num_best = ceil((len(means) + pending) / REDUCTION)
    return _ranked(contest, means)[: max(0, num_best - pending)]


def _stop_losers(contest: Contest, rung: int) -> None:
    """Stop the choices that pause at the rung and are not among its best third."""
    metric, means = contest.study.metric, means_at(contest, rung)
    num_best = ceil(len(means) / REDUCTION)
    for choice in _ranked(contest, means)[num_best:]:
        if all(len(seed.rows) <= rung for seed in contest.groups[choice]):
            value = f"mean validation {metric.title} {metric.text(means[choice])} at epoch {rung}"
            contest.stop(choice, f"{value}, not in the best {num_best} of {len(means)} {contest.study.choices_title}")


def _ranked(contest: Contest, means: Mapping[Choice, float]) -> list[Choice]:
    rank = contest.study.metric.rank
    return sorted(means, key=lambda choice: (-rank(round(means[choice], 12)), choice.order))


def means_at(contest: Contest, rung: int) -> dict[Choice, float]:
    """By choice, the mean over seeds of the best validation metric up to the rung, where all seeds have reached it."""
    values = {choice: [seed.value(rung) for seed in seeds] for choice, seeds in contest.groups.items()}
    whole = {choice: [v for v in ours if v is not None] for choice, ours in values.items()}
    return {choice: mean_and_deviation(ours)[0] for choice, ours in whole.items() if len(ours) == len(values[choice])}
