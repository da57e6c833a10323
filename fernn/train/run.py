"""A run: the state of one experiment in training, its task, how it evaluates clips, and how it is saved and loaded."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import torch
from torch import Tensor, nn

from fernn.batch import Batch
from fernn.config import DataConfig
from fernn.experiment import Experiment, Precision
from fernn.seeding import seed_of
from fernn.train.fields import field_prediction
from fernn.train.noether import DerivativePrediction, StatePrediction, StochasticPrediction
from fernn.train.prediction import Prediction
from fernn.train.task import Classification, Predictions, Task
from fernn.train.video import VideoPrediction

NUM_EXAMPLES = 4
"""Clips that are kept to be looked at."""
TASKS: dict[str, Callable[[Any], Task]] = {
    "classification": lambda data: Classification(),
    "prediction": lambda data: Prediction(data.input_frames),
    "video": lambda data: VideoPrediction(data.input_frames, data.l1_weight, data.l2_weight, data.l2_root),
    "fields": lambda data: field_prediction(data),
    "stochastic": lambda data: StochasticPrediction(data.input_frames),
    "states": lambda data: StatePrediction(data.input_frames),
    "derivatives": lambda data: DerivativePrediction(data.input_frames, data.energy),
}
"""By the name in :attr:`fernn.config.DataConfig.task`. A data set with a task of its own adds an entry."""


def task_of(data: DataConfig) -> Task:
    """The task that the data is for; raises KeyError where no task has the name that its config gives."""
    if data.task not in TASKS:
        raise KeyError(f"task of {data.name!r} must be one of {', '.join(TASKS)}, got {data.task!r}")
    return TASKS[data.task](data)


@dataclass
class Run:
    """A model and its optimizer after ``epoch`` whole epochs, and the best epoch so far."""

    experiment: Experiment
    device: torch.device
    model: nn.Module
    optimizer: torch.optim.Adam
    epoch: int = 0
    best_epoch: int = 0
    best_value: float = math.nan
    """The best validation metric, none before the first epoch."""
    recent: list[float] = field(default_factory=list)
    """The validation metric of the last epochs, ten at most."""
    launch: str = ""
    """How the steps were launched, see :class:`fernn.train.graph.Steps`; nothing before the first epoch."""

    @classmethod
    def start(cls, experiment: Experiment, device: torch.device | str = "cpu") -> Self:
        """A new run: weights drawn from the stream (seed, "init"); the global generators stay as they are."""
        device = torch.device(device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_of(experiment.seed, "init"))
            model = experiment.model.build()
        model.to(device)
        return cls(experiment, device, model, experiment.optim.build(model.parameters()))

    @property
    def has_ended(self) -> bool:
        """Whether no epoch follows: it was the last, or training stops early, see :class:`Experiment`."""
        experiment, rank = self.experiment, self.task.metric.rank
        stops = 0 < experiment.early_stopping < self.epoch and len(self.recent) == 10
        before, after = math.fsum(self.recent[:5]), math.fsum(self.recent[5:])
        return self.epoch >= experiment.epochs or (stops and rank(after) <= rank(before))

    @property
    def task(self) -> Task:
        """What the model is trained for."""
        return task_of(self.experiment.data)

    def task_of(self, batch: Batch) -> Task:
        """What the model is trained for, on the batch's clips."""
        return self.task if batch.actions is None else self.task.under(batch.actions.to(self.device, non_blocking=True))

    @torch.no_grad()
    def predict(self, batches: Iterable[Batch]) -> Predictions:
        """What the model says of every clip, in eval mode; the mode it was in is restored."""
        task, parts, ids = self.task, dict[str, list[Tensor]](), list[str]()
        with evaluating(self.model):
            for batch in batches:
                with autocast(self.device, self.experiment.precision):
                    clips, labels = to_unit(batch.clips, self.device), batch.labels.to(self.device)
                    columns = self.task_of(batch).evaluate(self.model, clips, labels)
                for name, values in columns.items():
                    parts.setdefault(name, []).append(values.cpu())
                ids += batch.ids
        return task.kind({name: torch.cat(values) for name, values in parts.items()}, ids)

    @torch.no_grad()
    def look_at(self, batch: Batch) -> dict[str, Tensor]:
        """The task's examples of the first clips, in eval mode, see :meth:`fernn.train.task.Task.examples`."""
        few = batch.first(NUM_EXAMPLES)
        with evaluating(self.model), autocast(self.device, self.experiment.precision):
            examples = self.task_of(few).examples(self.model, to_unit(few.clips, self.device))
        return {name: tensor.cpu() for name, tensor in examples.items()}

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors and facts from which :meth:`load` restores the run, bit for bit."""
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        for index, slots in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{slot}": torch.as_tensor(value) for slot, value in slots.items()}
        facts = {"epoch": self.epoch, "best_epoch": self.best_epoch, "best_value": self.best_value}
        return tensors, facts | ({"recent": self.recent} if self.experiment.early_stopping else {})

    def load(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Restore what :meth:`state` gave; raises RuntimeError where the weights have other shapes."""
        self.model.load_state_dict(with_prefix(tensors, "model."))
        slots: dict[int, dict[str, Tensor]] = {}
        for name, tensor in with_prefix(tensors, "optimizer.").items():
            index, slot = name.split(".")
            slots.setdefault(int(index), {})[slot] = tensor
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": slots, "param_groups": groups})
        self.epoch, self.best_epoch = facts["epoch"], facts["best_epoch"]
        self.best_value, self.recent = facts["best_value"], facts.get("recent", [])


def available_device() -> torch.device:
    """The GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def with_prefix(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The entries whose name starts with ``prefix``, without it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """The model in eval mode, then in the mode that it was in."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


def to_unit(clips: Tensor, device: torch.device) -> Tensor:
    """Clips on the device as float32 in [0, 1]: uint8 grey levels are divided by 255."""
    moved = clips.to(device, non_blocking=True)
    return moved.float().div_(255) if clips.dtype == torch.uint8 else moved


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[None]:
    """bf16 matrix products where ``precision`` says so."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")
