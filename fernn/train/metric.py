"""The number by which epochs and learning rates are chosen."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """The number by which epochs and learning rates are chosen: what it is called, and which values are better."""

    name: str
    title: str
    """The name in a sentence."""
    definition: str
    """What it is, in words."""
    higher_is_better: bool
    worst: float
    """The value of a cell that diverged."""
    form: str = ".3f"
    """How a value is written in tables."""
    root: bool = False
    """Whether it is the root of the mean of what is summed over clips."""

    def of_mean(self, mean: float) -> float:
        """The metric of clips, from the mean over clips of what :meth:`fernn.train.task.Task.loss` sums."""
        return math.sqrt(mean) if self.root else mean

    def rank(self, value: float) -> float:
        """A number that is larger where the value is better."""
        return value if self.higher_is_better else -value

    def text(self, value: float) -> str:
        """The value in tables."""
        return f"{value:{self.form}}"

    def spread(self, mean: float, deviation: float | None) -> str:
        """mean ± deviation in tables; the mean alone where there is no deviation."""
        return self.text(mean) + ("" if deviation is None else f" ± {self.text(deviation)}")


ACCURACY = Metric("accuracy", "accuracy", "share of clips whose largest logit is the label's", True, 0.0)
ERROR = Metric(
    "mse", "error (MSE)", "squared error, mean over pixels, channels, predicted frames and clips", False,
    math.inf, ".3g",
)  # fmt: skip
RMSE = Metric(
    "rmse", "error (RMSE)", "root of the squared error's mean over components, predicted states and trajectories",
    False, math.inf, ".3g", root=True,
)  # fmt: skip
