"""The uncertainty of a study's numbers: intervals over persons, comparisons of models and with published values."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import isfinite

import numpy as np

from tune.analysis.results import ModelRow
from tune.analysis.statistics import (
    Interval,
    holm,
    mean_and_deviation,
    paired_permutation,
    person_interval,
    power_advice,
    verdict,
    welch_interval,
)
from tune.core.choice import Choice
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
    """p with Holm's correction for all comparisons of the table."""
    advice: str


def comparisons(rows: Sequence[ModelRow]) -> list[ModelComparison]:
    """Every two rows that differ by model alone, where they share a seed."""
    pairs = [(a, b) for a, b in combinations(rows, 2) if a.where == b.where and paired_differences(a, b)]
    differences = [paired_differences(*pair) for pair in pairs]
    ps = [paired_permutation(gaps) for gaps in differences]
    compared = []
    for (first, second), gaps, p, adjusted in zip(pairs, differences, ps, holm(ps), strict=True):
        gap, deviation = mean_and_deviation(gaps)
        advice = power_advice(first.metric, len(gaps), deviation, min(first.test, second.test), len(pairs))
        compared.append(ModelComparison(first.label, second.label, len(gaps), gap, p, adjusted, advice))
    return compared


def paired_differences(first: ModelRow, second: ModelRow) -> list[float]:
    """Test metric of the first minus that of the second, for each seed that both have."""
    ours, theirs = ({result.cell.experiment.seed: result.test for result in row.chosen} for row in (first, second))
    return [ours[seed] - theirs[seed] for seed in sorted(ours.keys() & theirs.keys())]


@dataclass(frozen=True)
class AgainstPublished:
    """A row beside its published value."""

    delta: float
    """Ours minus the published one."""
    interval: Interval | None
    verdict: str


def against_published(row: ModelRow, published: Published) -> AgainstPublished:
    """The difference, its 95 % interval and the verdict; no verdict from one seed or from an uncertain value."""
    delta = row.test - published.mean
    if not published.is_certain:
        return AgainstPublished(delta, None, "none: the published value is uncertain")
    if published.num_seeds is None:
        return AgainstPublished(delta, None, "none: the number of seeds of the published value is unknown")
    if row.test_deviation is None:
        return AgainstPublished(delta, None, "none: one seed has no deviation")
    ours, theirs = (row.test_deviation, row.num_seeds), (published.deviation, published.num_seeds)
    interval = welch_interval(delta, ours, theirs)
    return AgainstPublished(delta, interval, verdict(interval, row.metric, published.mean))


def interval_over_persons(study: Study, row: ModelRow) -> Interval | None:
    """95 % interval of the row's mean test accuracy, test persons resampled; None where clips have no persons."""
    hits: dict[int, list[bool]] = {}
    for result in row.chosen:
        table = study.cell_folder(result.cell).predictions()
        if "person" not in table.column_names or "logits" not in table.column_names:
            return None
        for clip in table.to_pylist():
            if clip["split"] == "test":
                hits.setdefault(clip["person"], []).append(bool(np.argmax(clip["logits"]) == clip["label"]))
    return person_interval([sum(clips) for clips in hits.values()], [len(clips) for clips in hits.values()])


def best_on_test(row: ModelRow) -> tuple[Choice, float] | None:
    """The best choice on the test clips, of those with the most seeds, and its mean there; None for one choice."""
    most = max(map(len, row.by_choice.values()))
    values = {choice: [result.test for result in cells] for choice, cells in row.by_choice.items()}
    tested = {choice: mean_and_deviation(seeds)[0] for choice, seeds in values.items() if len(seeds) == most}
    means = {choice: round(mean, 12) for choice, mean in tested.items() if isfinite(mean)}  # ties as in choose
    if len(means) < 2 or not isfinite(row.test):
        return None
    best = min(means, key=lambda one: (-row.metric.rank(means[one]), one != row.choice, one.order))
    return best, means[best]
