"""The training loop: a generator that yields one row of metrics an epoch."""

import math
import time
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Protocol

import torch
from torch import nn

from fernn.batch import Batch
from fernn.experiment import Split
from fernn.optim import set_rate
from fernn.seeding import seed_of
from fernn.train.graph import CUDARecorder, Steps, are_asked
from fernn.train.run import Run, autocast, to_unit

Row = dict[str, float]


class Clips(Protocol):
    """Where a run's clips come from."""

    def training(self, seed: int, epoch: int) -> Iterable[Batch]:
        """The epoch's shuffled training batches: the same for the same seed and epoch."""

    def evaluation(self, split: Split) -> Iterable[Batch]:
        """The split's fixed clips, in a fixed order."""


class DivergedError(RuntimeError):
    """The training loss is no longer a finite number."""


def fit(run: Run, clips: Clips, until: int | None = None) -> Iterator[Row]:
    """Train up to the experiment's last epoch, or up to ``until``; yields one row of metrics after each epoch.

    An epoch does not depend on how many follow it, so that a run may end early and continue later. Names that start
    with "time/" depend on the machine; all others depend on the experiment and its data alone. Raises DivergedError
    where the loss is not finite.
    """
    steps = steps_of(run)
    while not run.has_ended and run.epoch < (until or run.experiment.epochs):
        torch.manual_seed(seed_of("epoch", run.experiment.seed, run.epoch + 1))
        row = train_epoch(run, clips, steps) | validate(run, clips)
        run.epoch += 1
        metric = run.task.metric
        value = row[f"validation/{metric.name}"]
        run.recent = [*run.recent, value][-10:]
        is_best = not run.best_epoch or metric.rank(value) > metric.rank(run.best_value)
        if is_best or run.experiment.selection == "last":
            run.best_epoch, run.best_value = run.epoch, value
        yield {"epoch": run.epoch, **row, "best/epoch": run.best_epoch, f"best/{metric.name}": run.best_value}


def train_epoch(run: Run, clips: Clips, steps: Steps) -> Row:
    """One pass over the training clips; means over clips, the gradient norm before clipping over steps."""
    run.model.train()
    set_rate(run.optimizer, run.experiment.optim.lr_at(run.epoch))
    started, waiting, num_clips, num_steps = time.perf_counter(), 0.0, 0, 0
    totals = torch.zeros(3, dtype=torch.float64, device=run.device)
    for batch, seconds in timed(clips.training(run.experiment.seed, run.epoch + 1)):
        totals += steps(batch)
        waiting, num_clips, num_steps = waiting + seconds, num_clips + len(batch.ids), num_steps + 1
    loss, value, norm = totals.tolist()
    seconds, run.launch = time.perf_counter() - started, steps.launch
    if not math.isfinite(loss):
        raise DivergedError(f"the training loss is {loss} in epoch {run.epoch + 1}: lower optim.lr")
    return {
        "train/loss": loss / num_clips,
        f"train/{run.task.metric.name}": run.task.metric.of_mean(value / num_clips),
        "train/gradient_norm": norm / num_steps,
        "time/train_seconds": seconds,
        "time/clips_per_second": num_clips / seconds,
        "time/waiting_share": waiting / seconds,
    }


def steps_of(run: Run) -> Steps:
    """The run's training steps: on a GPU recorded where every step makes the same calls, and graphs are not unasked."""
    is_recorded = run.device.type == "cuda" and run.experiment.model.repeats_steps and are_asked()
    recorder = CUDARecorder(run.device) if is_recorded else None
    return Steps(partial(train_step, run), run.experiment.batch_size, recorder)


def timed(batches: Iterable[Batch]) -> Iterator[tuple[Batch, float]]:
    """Each batch, and the seconds that it was waited for."""
    source, since = iter(batches), time.perf_counter()
    for batch in source:
        yield batch, time.perf_counter() - since
        since = time.perf_counter()


def train_step(run: Run, batch: Batch) -> torch.Tensor:
    """One update; the sums of loss and of metric over the batch, and the gradient norm, on the device."""
    clips, labels = to_unit(batch.clips, run.device), batch.labels.to(run.device, non_blocking=True)
    run.optimizer.zero_grad(set_to_none=True)
    with autocast(run.device, run.experiment.precision):
        loss, value = run.task_of(batch).loss(run.model, clips, labels)
    loss.backward()
    norm = limit_gradient(run.model, run.experiment.optim.clip_norm)
    run.optimizer.step()
    return torch.stack([loss.detach().double() * len(clips), value.double(), norm.to(loss.device).double()])


def limit_gradient(model: nn.Module, limit: float | None) -> torch.Tensor:
    """The norm of the gradient before it is scaled down to the limit: of all, or of the weights a model names.

    A model whose method ``limited_parameters`` gives some of its weights has the gradient of these limited alone.
    """
    limited = getattr(model, "limited_parameters", None)
    if limited is None:
        return torch.nn.utils.clip_grad_norm_(model.parameters(), math.inf if limit is None else limit)
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), math.inf)
    if limit is not None:
        torch.nn.utils.clip_grad_norm_(limited(), limit)
    return norm


def validate(run: Run, clips: Clips) -> Row:
    """The metrics on the validation clips."""
    started = time.perf_counter()
    predictions = run.predict(clips.evaluation("validation"))
    metrics = {f"validation/{name}": value for name, value in predictions.metrics().items()}
    return metrics | {"time/validation_seconds": time.perf_counter() - started}
