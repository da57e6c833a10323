"""Learning rates beyond the grid: Optuna proposes them, round by round.

A round depends only on the finished rounds before it, not on time or on the order in which trials end.
So a search that was killed proposes the same learning rates again.
"""

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import optuna
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.trial import create_trial

from fernn.seeding import seed_of
from tune.analysis.statistics import mean_and_deviation
from tune.core.identity import STUDY_FILE
from tune.core.protocol import load_study
from tune.core.study import RATE, Cell, Space, Study

ROUND = 4
"""Learning rates of one round; those of the first round are random, as TPE has no values yet."""


@dataclass(frozen=True)
class Sampler:
    """Optuna's tree-structured Parzen estimator over one log-uniform learning rate."""

    num_samples: int
    """The number of learning rates that each model tries."""
    lr_range: tuple[float, float]

    def __post_init__(self) -> None:
        low, high = self.lr_range
        if not 0 < low < high:
            raise ValueError(f"--lr-range must be LOW HIGH with 0 < LOW < HIGH, got {low:g} {high:g}")
        if self.num_samples < 1:
            raise ValueError(f"--num-samples must be 1 or more, got {self.num_samples}")

    def plan(self, model: str, tried: Mapping[float, float | None]) -> list[float]:
        """The learning rates of ``model`` to train now: those tried, and those of the next round.

        ``tried`` holds the value of each learning rate, to be maximized. While one has None, no round is added.
        """
        low, high = self.lr_range
        values = {rate: value for rate, value in tried.items() if low <= rate <= high}
        count = min(ROUND, self.num_samples - len(values))
        if count <= 0 or None in values.values():
            return list(tried)
        distributions: dict[str, BaseDistribution] = {RATE: FloatDistribution(low, high, log=True)}
        study, rates = _optuna_study(seed_of("tpe", model, len(values)) % 2**32), list(tried)
        for rate, value in values.items():
            study.add_trial(create_trial(params={RATE: rate}, distributions=distributions, value=value))
        for _ in range(count):
            exact = study.ask(distributions).params[RATE]
            rounded = float(f"{exact:.3g}")
            rates.append(rounded if low <= rounded <= high and rounded not in rates else exact)
        return rates


def _optuna_study(seed: int) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # constant_liar
        sampler = optuna.samplers.TPESampler(n_startup_trials=ROUND, constant_liar=True, seed=seed)
    return optuna.create_study(direction="maximize", sampler=sampler)


def with_rates(study: Study, sampler: Sampler, cells_of: Callable[[Space], tuple[Cell, ...]]) -> Study:
    """The study with the learning rates that its models have tried, in the order of its folder, and the next round."""

    def cells_at(rates: Iterable[float]) -> tuple[Cell, ...]:
        return cells_of({**study.space, RATE: tuple(rates)})

    tried: dict[str, dict[float, list[Cell]]] = {study.model_label(cell): {} for cell in cells_at(sampler.lr_range[:1])}
    if study.folder.read(STUDY_FILE) is not None:
        saved = load_study(study.folder)
        planned = {(saved.model_label(cell), cell.experiment.optim.lr) for cell in saved.cells}
        for cell in cells_at(saved.space[RATE]) if planned else ():
            label, rate = study.model_label(cell), cell.experiment.optim.lr
            if (label, rate) in planned:
                tried[label].setdefault(rate, []).append(cell)
    rates = {
        label: sampler.plan(label, {rate: mean_value(study, seeds) for rate, seeds in by_rate.items()})
        for label, by_rate in tried.items()
    }
    space = {**study.space, RATE: tuple(dict.fromkeys(chain(*rates.values())))}
    cells = tuple(cell for cell in cells_of(space) if cell.experiment.optim.lr in rates[study.model_label(cell)])
    sampling = {"sampler": "tpe", "num_samples": sampler.num_samples, "lr_range": list(sampler.lr_range)}
    return replace(study, space=space, cells=cells, sampling=sampling)


def mean_value(study: Study, seeds: Sequence[Cell]) -> float | None:
    """A learning rate's mean validation metric over seeds, negated where lower is better; None until all have one.

    A seed that was stopped before its first epoch, with the others of its learning rate, does not count.
    """
    folders = [(cell, study.cell_folder(cell)) for cell in seeds]
    counted = [cell for cell, folder in folders if not study.settled(cell) or folder.history() or folder.diverged()]
    values = [value for cell in counted if (value := study.value(cell)) is not None]
    is_complete = bool(values) and len(values) == len(counted)
    return seeds[0].metric.rank(mean_and_deviation(values)[0]) if is_complete else None
