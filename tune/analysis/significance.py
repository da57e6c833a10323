"""How far a study's numbers carry: intervals over persons, models compared, published values, and a temptation."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import isfinite

import numpy as np

from tune.analysis.results import ModelRow
from tune.analysis.statistics import (
    Interval,
    Sample,
    holm,
    margin,
    mean_and_deviation,
    paired_permutation,
    person_interval,
    power_advice,
    verdict,
    welch_interval,
)
from tune.core.search_spec import Published
from tune.core.study import Study


@dataclass(frozen=True)
class ModelComparison:
    """Two rows of a table on the seeds that both have."""

    first: str
    second: str
    num_pairs: int
    gap: float
    """Mean over seeds of the test metric of the first minus that of the second."""
    p: float
    """Of the exact paired permutation test."""
    adjusted: float
    """The same with Holm's correction for all comparisons of the table."""
    advice: str


def comparisons(rows: Sequence[ModelRow]) -> list[ModelComparison]:
    """Every two rows that differ by model alone, where they share a seed."""
    pairs = [(a, b) for a, b in combinations(rows, 2) if a.where == b.where and paired_differences(a, b)]
    differences = [paired_differences(*pair) for pair in pairs]
    ps = [paired_permutation(found) for found in differences]
    return [
        _comparison(*pair, found, p, adjusted, len(pairs))
        for pair, found, p, adjusted in zip(pairs, differences, ps, holm(ps), strict=True)
    ]


def _comparison(
    first: ModelRow, second: ModelRow, found: list[float], p: float, adjusted: float, num_comparisons: int
) -> ModelComparison:
    gap, deviation = mean_and_deviation(found)
    advice = power_advice(first.metric, len(found), deviation, min(first.test, second.test), num_comparisons)
    return ModelComparison(first.label, second.label, len(found), gap, p, adjusted, advice)


def paired_differences(first: ModelRow, second: ModelRow) -> list[float]:
    """Test metric of the first minus that of the second, seed by seed, where both have the seed."""
    ours, theirs = ({one.cell.experiment.seed: one.test for one in row.chosen} for row in (first, second))
    return [ours[seed] - theirs[seed] for seed in sorted(ours.keys() & theirs.keys())]


@dataclass(frozen=True)
class AgainstPublished:
    """A row beside its published value."""

    delta: float
    """Ours minus the published one."""
    interval: Interval | None
    verdict: str


def against_published(row: ModelRow, published: Published) -> AgainstPublished:
    """The difference, its 95 % interval, and what it says; no verdict from one seed or from an uncertain value."""
    delta = row.test - published.mean
    if not published.is_certain:
        return AgainstPublished(delta, None, "none: the published value is uncertain")
    if published.num_seeds is None:
        return AgainstPublished(delta, None, "none: of how many seeds the published value is, is unknown")
    if row.test_deviation is None:
        return AgainstPublished(delta, None, "none: one seed has no deviation")
    ours = Sample(row.test, row.test_deviation, row.num_seeds)
    found = welch_interval(ours, Sample(published.mean, published.deviation, published.num_seeds))
    return AgainstPublished(delta, found, verdict(found, margin(row.metric, published.mean)))


def interval_over_persons(study: Study, row: ModelRow) -> Interval | None:
    """95 % interval of the row's mean test accuracy, test persons drawn anew; None where clips have no persons."""
    right: dict[int, float] = {}
    counts: dict[int, int] = {}
    for one in row.chosen:
        table = study.cell_folder(one.cell).predictions()
        if "person" not in table.column_names or "logits" not in table.column_names:
            return None
        for clip in table.to_pylist():
            if clip["split"] == "test":
                person = clip["person"]
                right[person] = right.get(person, 0.0) + float(np.argmax(clip["logits"]) == clip["label"])
                counts[person] = counts.get(person, 0) + 1
    return person_interval(list(right.values()), list(counts.values()))


@dataclass(frozen=True)
class Temptation:
    """What choosing the learning rate on the test clips would have seemed to gain."""

    lr: float
    test: float
    gain: float
    """In the metric's own units, never below 0."""


def temptation(row: ModelRow) -> Temptation | None:
    """The learning rate that is best on the test clips, of those with as many seeds; None where there is one alone."""
    found = {lr: mean_and_deviation([one.test for one in ones])[0] for lr, ones in row.complete_rates().items()}
    means = {lr: round(mean, 12) for lr, mean in found.items() if isfinite(mean)}  # as choose_lr has its ties
    if len(means) < 2 or not isfinite(row.test):
        return None
    best = max(means, key=lambda lr: (row.metric.rank(means[lr]), lr == row.lr, -lr))
    return Temptation(best, means[best], abs(means[best] - round(row.test, 12)))
