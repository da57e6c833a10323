"""A race: a choice, such as a learning rate, gets no further seeds once its seeds so far show that another is better.

The idea is that of F-Race (Birattari et al., GECCO 2002): after each seed every choice is compared with the leader on
their common seeds. The test is the one-sided paired t-test. Its level is RISK divided by the number of comparisons that
may be made, (choices - 1) x looks. So the choice with the best mean is excluded with a probability of at most RISK, if
the differences of seeds are normally distributed (Bonferroni over all choices that may lead, and all looks). Apart from
that, a choice of which a seed diverged is excluded: tables prefer choices with all their seeds.

A look is taken when all cells before it are settled, so its outcome does not depend on the speed of workers.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from statistics import fmean

import numpy as np
import scipy

from tune.core.choice import Choice
from tune.core.study import Cell
from tune.planning.segment import Contest, Segment, Standing

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
    """Exclude the choices that the complete looks exclude; the cells to train before the next.

    The looks are taken again from the first, each with what it could know: the seeds before it, of the choices that the
    looks before it left. So it excludes the same choices whenever it is taken.
    """
    study, seeds = contest.study, contest.study.space["seed"]
    live, excluded = dict(contest.groups), dict[Choice, str]()
    for num_seeds in looks(len(seeds)):
        first = set(seeds[:num_seeds])
        live = {choice: ours for choice, ours in live.items() if not _was_excluded(ours, first)}
        waiting = [one.cell for one in _of_seeds(live, first) if one.value() is None]
        if waiting:
            return _segment(contest, excluded, waiting)
        allowed = level(max(len(study.groups[contest.label]), study.num_choices), len(seeds))
        reasons = losers(live, first, allowed)
        excluded |= reasons
        live = {choice: ours for choice, ours in live.items() if choice not in reasons}
    return _segment(contest, excluded, [one.cell for one in _of_seeds(live, set(seeds)) if one.value() is None])


def _was_excluded(ours: Sequence[Standing], seeds: Collection[int]) -> bool:
    """Whether an earlier search, of fewer seeds or choices, stopped the choice before it had those seeds."""
    return any(one.stopped is not None and one.value() is None for one in ours if one.cell.experiment.seed in seeds)


def _of_seeds(live: Mapping[Choice, Sequence[Standing]], seeds: Collection[int]) -> Iterator[Standing]:
    return (one for ours in live.values() for one in ours if one.cell.experiment.seed in seeds)


def _segment(contest: Contest, excluded: Mapping[Choice, str], cells: Sequence[Cell]) -> Segment:
    """Stop what is excluded, and train the cells, but for those that an earlier search stopped."""
    for choice, reason in excluded.items():
        contest.stop(choice, reason)
    left = {one.cell for one in contest.left}
    return contest.segment(*((cell, None) for cell in cells if cell in left))


def losers(live: Mapping[Choice, Sequence[Standing]], seeds: Collection[int], allowed: float) -> dict[Choice, str]:
    """The choices that a look after those seeds excludes, with the reasons.

    The leader has the best mean. A choice with a diverged seed is no leader where another has none, and is excluded.
    """
    ranks = {choice: ranks_of(ours, seeds) for choice, ours in live.items()}
    diverged = {
        choice for choice, ours in live.items() for one in ours if one.diverged and one.cell.experiment.seed in seeds
    }
    sound = [choice for choice in live if choice not in diverged and ranks[choice]]
    if not sound:
        return {}
    leader = min(sound, key=lambda choice: (-round(fmean(ranks[choice].values()), 12), choice.order))
    reasons = {choice: f"a seed diverged, and none of {leader.text}" for choice in live if choice in diverged}
    for choice in sound:
        if choice != leader and (p := p_worse(ranks[choice], ranks[leader])) <= allowed:
            worse = f"worse than {leader.text} after {len(ranks[leader])} seeds"
            reasons[choice] = f"{worse}: p = {p:.2g}, below {allowed:.2g}"
    return reasons


def ranks_of(ours: Sequence[Standing], seeds: Collection[int]) -> dict[int, float]:
    """By seed, the validation metric of settled cells, negated where lower is better."""
    values = {one.cell.experiment.seed: one.value() for one in ours if one.cell.experiment.seed in seeds}
    return {seed: ours[0].cell.metric.rank(value) for seed, value in values.items() if value is not None}


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
