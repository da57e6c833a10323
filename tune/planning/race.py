"""A race: a choice, such as a learning rate, gets no further seeds once its seeds so far show that another is better.

The idea is that of F-Race (Birattari et al., GECCO 2002): after each seed every choice is compared with the leader on
their common seeds. The test is the one-sided paired t-test. Its level is RISK divided by the number of comparisons that
may be made, (choices - 1) x looks. So the choice with the best mean is excluded with a probability of at most RISK, if
the differences of seeds are normally distributed (Bonferroni over all choices that may lead, and all looks).

A look is taken when all cells before it are settled, so its outcome does not depend on the speed of workers.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import scipy

from tune.analysis.statistics import mean_and_deviation
from tune.core.choice import Choice
from tune.planning.segment import Contest, Segment

RISK = 0.05
"""The probability that a model's best choice is excluded, at most."""
FIRST = 2
"""Seeds before the first look."""


def looks(num_seeds: int) -> range:
    """The numbers of seeds after which choices are compared: none after the last, when there is nothing to save."""
    return range(FIRST, num_seeds)


def level(num_choices: int, num_seeds: int) -> float:
    """The level of each comparison."""
    return RISK / max(1, (num_choices - 1) * len(looks(num_seeds)))


def race_segment(contest: Contest) -> Segment:
    """Exclude the choices that the complete looks exclude; the cells to train before the next."""
    study, seeds = contest.study, contest.study.space["seed"]
    for num_seeds in looks(len(seeds)):
        first = seeds[:num_seeds]
        waiting = [one.cell for one in contest.left if one.cell.experiment.seed in first]
        if waiting:
            return contest.segment(*((cell, None) for cell in waiting))
        _exclude(contest, num_seeds, level(max(len(contest.groups), study.num_choices), len(seeds)))
    return contest.segment(*((one.cell, None) for one in contest.left))


def _exclude(contest: Contest, num_seeds: int, allowed: float) -> None:
    """Stop the choices that the leader beats on the first seeds, and those that diverged where another did not."""
    first = contest.study.space["seed"][:num_seeds]
    values = {choice: ranks_of(contest, choice, first) for choice in contest.live}
    whole = {choice: ranks for choice, ranks in values.items() if np.isfinite(list(ranks.values())).all()}
    if not whole:
        return
    leader = min(whole, key=lambda choice: (-round(_mean(whole[choice]), 12), choice.order))
    for choice, ranks in values.items():
        if any(one.diverged for one in contest.groups[choice]) and not _has_diverged(contest, leader):
            contest.stop(choice, f"a seed diverged, and none of {leader.text}")
        elif choice != leader and (p := p_worse(ranks, whole[leader])) <= allowed:
            contest.stop(choice, f"worse than {leader.text} after {num_seeds} seeds: p = {p:.2g}, below {allowed:.2g}")


def ranks_of(contest: Contest, choice: Choice, seeds: Sequence[int]) -> dict[int, float]:
    """By seed, the validation metric of the choice's settled cells, negated where lower is better."""
    metric, found = contest.study.metric, dict[int, float]()
    for one in contest.groups[choice]:
        if one.cell.experiment.seed in seeds and (value := one.value()) is not None:
            found[one.cell.experiment.seed] = metric.rank(value)
    return found


def p_worse(ranks: Mapping[int, float], leaders: Mapping[int, float]) -> float:
    """One-sided p of the paired t-test that the leader is better on the seeds that both have.

    1 for fewer than two seeds, and where all differences are equal, which tells nothing about their spread.
    """
    shared = sorted(ranks.keys() & leaders.keys())
    differences = np.array([leaders[seed] - ranks[seed] for seed in shared])
    if len(shared) < FIRST or np.ptp(differences) <= 1e-12:
        return 1.0
    t = differences.mean() / (differences.std(ddof=1) / len(shared) ** 0.5)
    return float(scipy.special.stdtr(len(shared) - 1, -t))


def _mean(ranks: Mapping[int, float]) -> float:
    return mean_and_deviation(list(ranks.values()))[0] if ranks else -np.inf


def _has_diverged(contest: Contest, choice: Choice) -> bool:
    return any(one.diverged for one in contest.groups[choice])
