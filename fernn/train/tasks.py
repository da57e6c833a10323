"""Tasks by name: which one a data set's config asks for."""

from collections.abc import Callable
from typing import Any

from fernn.config import DataConfig
from fernn.train.classification import Classification
from fernn.train.fields import FieldPrediction
from fernn.train.noether import StatePrediction, StochasticPrediction
from fernn.train.prediction import Prediction
from fernn.train.task import Task
from fernn.train.video import VideoPrediction

TASKS: dict[str, Callable[[Any], Task]] = {
    "classification": lambda data: Classification(),
    "prediction": lambda data: Prediction(data.input_frames),
    "video": lambda data: VideoPrediction(data.input_frames, data.l1_weight, data.l2_weight),
    "fields": lambda data: FieldPrediction(data.input_frames),
    "stochastic": lambda data: StochasticPrediction(data.input_frames),
    "states": lambda data: StatePrediction(data.input_frames),
}
"""By the name in :attr:`fernn.config.DataConfig.task`. A data set with a task of its own adds an entry."""


def task_of(data: DataConfig) -> Task:
    """The task that the data is for; raises KeyError where no task has the name that its config gives."""
    if data.task not in TASKS:
        raise KeyError(f"task of {data.name!r} must be one of {', '.join(TASKS)}, got {data.task!r}")
    return TASKS[data.task](data)
