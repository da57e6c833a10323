"""Evaluation on fixed clips."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager

import torch
from torch import Tensor, nn

from fernn.batch import Batch
from fernn.experiment import Precision
from fernn.train.task import Predictions, Task

NUM_EXAMPLES = 4
"""Clips that are kept to be looked at."""


@torch.no_grad()
def predict(
    model: nn.Module, batches: Iterable[Batch], task: Task, device: torch.device, precision: Precision
) -> Predictions:
    """What the model says of every clip, in eval mode; the mode it was in is restored."""
    kept: dict[str, list[Tensor]] = {}
    ids: list[str] = []
    with evaluating(model):
        for batch in batches:
            with autocast(device, precision):
                found = task.evaluate(model, to_unit(batch.clips, device), batch.labels.to(device))
            for name, values in found.items():
                kept.setdefault(name, []).append(values.cpu())
            ids += batch.ids
    return task.predictions(ids, {name: torch.cat(values) for name, values in kept.items()})


@torch.no_grad()
def look_at(
    model: nn.Module, batch: Batch, task: Task, device: torch.device, precision: Precision
) -> dict[str, Tensor]:
    """The task's examples of the batch's first clips, in eval mode; the mode the model was in is restored."""
    clips = batch.clips[:NUM_EXAMPLES]
    with evaluating(model), autocast(device, precision):
        found = task.examples(model, to_unit(clips, device))
    return {name: tensor.cpu() for name, tensor in found.items()}


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
