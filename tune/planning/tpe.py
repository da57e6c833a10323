"""Learning rates beyond the grid: Optuna proposes them, round by round.

A round depends on the finished rounds before it and on nothing else: not on time, not on which trial ended
first. So a search that was killed proposes the same again.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import optuna

from fernn.seeding import seed_of
from tune.core.study import RATE

ROUND = 4
"""Learning rates that are proposed at once; the first round is drawn at random, as TPE knows nothing yet."""


@dataclass(frozen=True)
class Sampler:
    """Optuna's tree-structured Parzen estimator over one log-uniform learning rate."""

    num_samples: int
    """How many learning rates each model tries."""
    lr_range: tuple[float, float]

    def __post_init__(self) -> None:
        low, high = self.lr_range
        if not 0 < low < high:
            raise ValueError(f"--lr-range must be LOW HIGH with 0 < LOW < HIGH, got {low:g} {high:g}")
        if self.num_samples < 1:
            raise ValueError(f"--num-samples must be 1 or more, got {self.num_samples}")

    def facts(self) -> dict[str, object]:
        """What a study writes down about it."""
        return {"sampler": "tpe", "num_samples": self.num_samples, "lr_range": list(self.lr_range)}

    def plan(self, model: str, tried: Mapping[float, float | None]) -> list[float]:
        """The learning rates of ``model`` that are to be trained now: those tried, and the next round's.

        ``tried`` gives each one's value, None while it has none: then nothing new is proposed.
        """
        low, high = self.lr_range
        mine = {rate: value for rate, value in tried.items() if low <= rate <= high}
        left = self.num_samples - len(mine)
        if left <= 0 or None in mine.values():
            return list(tried)
        values = {rate: value for rate, value in mine.items() if value is not None}
        return [*tried, *self._propose(model, values, min(left, ROUND))]

    def _propose(self, model: str, values: Mapping[float, float], count: int) -> list[float]:
        rate = optuna.distributions.FloatDistribution(*self.lr_range, log=True)
        study = self._study(model, len(values))
        for tried, value in values.items():
            study.add_trial(optuna.trial.create_trial(params={RATE: tried}, distributions={RATE: rate}, value=value))
        found: list[float] = []
        for _ in range(count):
            found.append(self._readable(study.ask({RATE: rate}).params[RATE], {*values, *found}))
        return found

    def _readable(self, rate: float, taken: set[float]) -> float:
        """The rate to three digits, unless that one is taken or out of the range."""
        (low, high), short = self.lr_range, float(f"{rate:.3g}")
        return short if low <= short <= high and short not in taken else rate

    def _study(self, model: str, num_values: int) -> optuna.Study:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # constant_liar
            sampler = optuna.samplers.TPESampler(
                n_startup_trials=ROUND, constant_liar=True, seed=seed_of("tpe", model, num_values) % 2**32
            )
        return optuna.create_study(direction="maximize", sampler=sampler)
