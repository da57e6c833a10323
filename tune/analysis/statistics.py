"""The choice that validation makes, and tests and intervals for a few seeds and a few test persons.

± is always the sample standard deviation over seeds (ddof = 1). Models are compared by an exact test on the
differences of equal seeds. Intervals are over the test persons, since the clips of one person are not independent.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import count
from math import ceil, isfinite, isnan, sqrt

import numpy as np
import scipy

from fernn.experiment import Experiment
from fernn.seeding import generator
from fernn.train.task import ACCURACY, Metric
from tune.core.choice import Choice

LEVEL, POWER = 0.05, 0.8
"""The two-sided level of every test, and the power in the advice on seeds."""
MOST_EXACT = 14
"""Up to this number of pairs the test tries all 2^n signs, and beyond it NUM_RESAMPLES drawn ones."""
NUM_RESAMPLES = 9999

Interval = tuple[float, float]


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean and sample standard deviation (ddof = 1), None for one value."""
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return float(np.mean(values)), deviation


def selection_rule(metric: Metric, experiment: Experiment, tuned: Sequence[str] = (), goals: str = "") -> str:
    """How the epoch, the learning rate and the ``tuned`` fields are chosen, in words; by ``goals`` where given."""
    best = f"best validation {metric.title}, the earliest of equals"
    epoch = best if experiment.selection == "best" else f"the last, whatever its validation {metric.title}"
    chosen = ", ".join(["Learning rate", *tuned]) + (" together" if tuned else "")
    rule = goals or "best mean of that over seeds, the lower of equals, among those with the most finished seeds."
    return f"Epoch: {epoch}. {chosen}: {rule} ± is the sample standard deviation over seeds (ddof = 1)."


def choose(values: Mapping[Choice, Sequence[float]], metric: Metric) -> Choice:
    """The choice to report, from each one's best validation values, one for each finished seed."""
    most = max(len(seeds) for seeds in values.values())
    # The order of seeds changes the last bit of a mean, which must not break a tie.
    means = {choice: round(float(np.mean(seeds)), 12) for choice, seeds in values.items() if len(seeds) == most}
    complete = {choice: metric.worst if isnan(mean) else mean for choice, mean in means.items()}
    return min(complete, key=lambda choice: (-metric.rank(complete[choice]), choice.order))


def person_interval(sums: Sequence[float], counts: Sequence[int]) -> Interval | None:
    """95 % percentile interval of sum(sums) / sum(counts), whole persons drawn with replacement; None for one person.

    ``sums`` and ``counts`` have one entry for each person: for an accuracy, the correct clips and all clips. With few
    persons such intervals are too narrow.
    """
    if len(sums) < 2:
        return None
    interval = scipy.stats.bootstrap(
        (np.asarray(sums, float), np.asarray(counts, float)),
        lambda sums, counts, axis: sums.sum(axis=axis) / counts.sum(axis=axis),
        paired=True,
        vectorized=True,
        n_resamples=NUM_RESAMPLES,
        confidence_level=1 - LEVEL,
        method="percentile",
        rng=generator("bootstrap over persons"),
    ).confidence_interval
    return float(interval.low), float(interval.high)


def paired_permutation(differences: Sequence[float]) -> float:
    """Two-sided p of the mean of paired differences, over all changes of their signs.

    1 for fewer than two differences, and where one of them is not finite.
    """
    if len(differences) < 2 or not np.any(differences) or not np.all(np.isfinite(differences)):
        return 1.0
    test = scipy.stats.permutation_test(
        (np.asarray(differences, float),),
        np.mean,
        permutation_type="samples",
        n_resamples=np.inf if len(differences) <= MOST_EXACT else NUM_RESAMPLES,
        rng=generator("signs of differences"),
    )
    return float(test.pvalue)


def fewest_pairs(level: float = LEVEL) -> int:
    """The smallest number n of pairs with which the exact paired test can reach that level.

    Its smallest p is 2 / 2^n: two of all choices of signs are equal.
    """
    return next(n for n in count(1) if 2.0 ** (1 - n) <= level)


def holm(ps: Sequence[float]) -> list[float]:
    """Each p adjusted for the number of comparisons (Holm, 1979), which controls the family-wise error."""
    order = np.argsort(ps, kind="stable")
    steps = (len(ps) - np.arange(len(ps))) * np.asarray(ps, float)[order]
    adjusted = np.empty(len(ps))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return [float(p) for p in adjusted]


def paired_power(gap: float, deviation: float, num_pairs: int, level: float = LEVEL) -> float:
    """Power of the two-sided paired t-test for a mean difference of ``gap``, differences having ``deviation``."""
    freedom, shift = num_pairs - 1, gap / deviation * sqrt(num_pairs)
    edge = scipy.stats.t.ppf(1 - level / 2, freedom)
    power = float(scipy.stats.nct.sf(edge, freedom, shift) + scipy.stats.nct.cdf(-edge, freedom, shift))
    return 1.0 if isnan(power) else power  # SciPy gives NaN where the power rounds to 1


def pairs_needed(gap: float, deviation: float, level: float = LEVEL) -> int:
    """The number of paired seeds that show a gap with POWER by the paired t-test, or that the exact test needs."""
    fewest, quantiles = fewest_pairs(level), scipy.stats.norm.ppf([1 - level / 2, POWER])
    enough = 2 * fewest + ceil(1.2 * (sum(quantiles) * deviation / gap) ** 2)
    return bisect_left(range(enough), POWER, lo=fewest, key=lambda n: paired_power(gap, deviation, n, level))


def welch_interval(gap: float, *samples: tuple[float, int]) -> Interval:
    """95 % interval of a ``gap`` between the means of two samples (sample standard deviation, size), by Welch, 1947."""
    parts = [(deviation**2 / size, size) for deviation, size in samples]
    variance = sum(part for part, _ in parts)
    if variance == 0:
        return gap, gap
    freedom = variance**2 / sum(part**2 / (size - 1) for part, size in parts)
    half = float(scipy.stats.t.ppf(1 - LEVEL / 2, freedom)) * sqrt(variance)
    return gap - half, gap + half


def verdict(interval: Interval, metric: Metric, published: float) -> str:
    """Whether a 95 % interval of the difference from a ``published`` mean is compatible with no difference.

    It is where it stays within 5 points of accuracy, or a quarter of an error; neighbouring rows of the published
    table are about five points apart.
    """
    low, high = interval
    if low > 0 or high < 0:
        return "not compatible"
    margin = 0.05 if metric == ACCURACY else 0.25 * published
    return "compatible" if max(-low, high) <= margin else "under-powered"


def verdict_rule(metric: Metric) -> str:
    """The rule of a verdict, in words."""
    width = "5 points" if metric == ACCURACY else "a quarter of the published value"
    return (
        "Verdict, by the 95 % interval of our mean minus the published one (Welch; seeds are the sample). It excludes "
        f"0: not compatible. It includes 0 and stays within {width}: compatible. Else under-powered: there "
        "are too few seeds to tell."
    )


def power_advice(metric: Metric, num_pairs: int, deviation: float | None, value: float, num_comparisons: int) -> str:
    """Whether the paired seeds can show the smallest relevant gap, and how many seeds are needed.

    The gap is 2 points of accuracy or a tenth of an error ``value``; each comparison has its share of the level.
    """
    gap, level = 0.02 if metric == ACCURACY else 0.1 * value, LEVEL / num_comparisons
    worth = "2 points" if metric == ACCURACY else f"a tenth of the error ({metric.text(gap)})"
    if not deviation or not isfinite(deviation) or not isfinite(gap) or gap == 0:
        return f"The number of seeds that show a gap of {worth} is unknown: their differences have no finite spread."
    needed, fewest = pairs_needed(gap, deviation, level), fewest_pairs(level)
    if num_pairs >= needed:
        return f"{num_pairs} paired seeds can show a gap of {worth}."
    why = f": the exact test needs {fewest} to reach p = {level:.2g}" if num_pairs < fewest else ""
    return f"With {num_pairs} seeds a gap of {worth} cannot be shown{why}; about {needed} paired seeds are needed."
