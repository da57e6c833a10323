"""Learning rates beyond the grid: Optuna proposes them, round by round.

A round depends only on the finished rounds before it, not on time or on the order in which trials end.
So a search that was killed proposes the same learning rates again.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import optuna
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.trial import create_trial

from fernn.seeding import seed_of
from tune.core.study import RATE

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

    def facts(self) -> dict[str, object]:
        """The sampler's settings for ``study.json``."""
        return {"sampler": "tpe", "num_samples": self.num_samples, "lr_range": list(self.lr_range)}

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
