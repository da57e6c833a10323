"""Choose the learning rate that is reported for a model, by the validation metric alone."""

from collections.abc import Mapping, Sequence
from math import isnan

import numpy as np

from fernn.train.metric import Metric


def rule(metric: Metric) -> str:
    """How epoch and learning rate are chosen, in words."""
    return (
        f"Epoch: best validation {metric.title}, the earliest of equals. Learning rate: best mean of "
        "that over seeds, the lower of equals, among those with the most finished seeds. ± is the sample standard "
        "deviation over seeds (ddof = 1)."
    )


def choose_lr(values: Mapping[float, Sequence[float]], metric: Metric) -> float:
    """The learning rate to report, from each one's best validation values, one for each finished seed."""
    most = max(len(seeds) for seeds in values.values())
    # The order of seeds changes the last bit of a mean, which must not break a tie.
    means = {lr: round(float(np.mean(seeds)), 12) for lr, seeds in values.items() if len(seeds) == most}
    complete = {lr: metric.worst if isnan(mean) else mean for lr, mean in means.items()}
    return min(complete, key=lambda lr: (-metric.rank(complete[lr]), lr))
