"""A trial: one attempt at one cell, inside a Ray Tune worker."""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from ray import tune
from torch import Tensor

from data.stream import Corpus, Stream
from fernn.batch import Batch
from fernn.equivariance.trained import law_errors
from fernn.experiment import Split
from fernn.files.checkpoint import Tensors
from fernn.train.loop import DivergedError, Row, fit
from fernn.train.run import Run, available_device
from fernn.train.task import Predictions
from tune.analysis.metrics_diff import Training
from tune.core.cell_folder import CellFolder
from tune.core.code_record import source_sha256
from tune.core.given_weights import initial_weights
from tune.core.result import Result
from tune.core.study import Cell, Study
from tune.core.test_access import COMPLETION, SealedClips
from tune.engine.machine import machine, peak_memory, reset_peak_memory

OUT_OF_MEMORY = "the GPU's memory ran out"
"""What the reason begins with of a trial that a larger share of a GPU may help."""
EVALUATED: tuple[Split, ...] = ("validation", "test")


def trial(point: Mapping[str, Any], *, study: Study, corpus: Corpus, until: int | None) -> None:
    """Train the cell at ``point`` of the study, from its last checkpoint, whoever wrote it and whenever.

    With ``until`` it rests after that epoch, and another trial goes on with it.

    Reports one row an epoch to Ray Tune; everything else goes to the cell's folder. Test clips are
    read once, at the end, with the weights of the best validation epoch. What would fail again in the
    same way on the same share of a GPU is written down and not raised: Ray would try again.
    """
    cell = study.cell_at(point)
    source_sha256()  # of the code as it is now, not as it may be when the cell ends
    reset_globals(int(os.environ.get("OMP_NUM_THREADS", "1")))  # so Ray says how many CPUs the trial holds
    folder = study.cell_folder(cell)
    folder.take_over()
    try:
        span = Span(until, study.code, initial_weights(study.folder, cell.experiment.model))
        train(cell, folder, corpus, available_device(), tune.report, span)
    except DivergedError as error:
        folder.fail(str(error), diverged=True)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        folder.fail(f"{OUT_OF_MEMORY}: {str(error).splitlines()[0]}", diverged=False)


def is_out_of_memory(error: Exception) -> bool:
    """Whether a GPU's memory ran out, as PyTorch, CUDA or one of its libraries says it."""
    text = str(error)
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in text or "ALLOC_FAILED" in text


@dataclass(frozen=True)
class Span:
    """Where a trial begins and how far it goes."""

    until: int | None = None
    """The epoch after which it rests; without one it goes to the last."""
    code: str = ""
    """The record of the code that trains, see :mod:`tune.core.code_record`; empty where there is none."""
    initial: Tensors | None = None
    """Weights with which a new cell begins; without them they are drawn."""


def train(
    cell: Cell,
    folder: CellFolder,
    corpus: Corpus,
    device: torch.device,
    report: Callable[[Row], object],
    span: Span = Span(),
) -> None:
    """Train the epochs that are left, each recorded and reported; after the last, evaluate and close the cell.

    Raises DivergedError where the loss is not finite.
    """
    experiment = cell.experiment
    reset_peak_memory(device)
    clips = SealedClips(corpus.stream(experiment.data, experiment.batch_size, device), folder)
    run = Run.start(experiment, device)
    if span.initial is not None:
        run.model.load_state_dict(span.initial)
    folder.begin(run, span.code)
    folder.ran_on(machine(device))
    for row in fit(run, clips, span.until):
        row["time/recorded_at"] = time.time()
        folder.record(row, run)
        report({**row, f"memory/{device.type}_bytes": peak_memory(device)})
    if run.epoch == experiment.epochs:
        finish(cell, folder, run, clips)


def reset_globals(num_threads: int) -> None:
    """Put everything that a reused worker could have left behind to where a fresh one has it."""
    torch.set_num_threads(num_threads)
    torch.manual_seed(0)
    np.random.seed(0)
    torch.set_default_dtype(torch.float32)
    torch.set_grad_enabled(True)
    torch.backends.cudnn.benchmark = False
    torch.cuda.empty_cache()


def finish(cell: Cell, folder: CellFolder, run: Run, clips: SealedClips) -> None:
    """Evaluate the best epoch's weights on the validation and test clips, and close the cell."""
    folder.load_best(run)
    found = evaluated(run, clips.opened(COMPLETION))
    folder.finish(found.table(clips), result(cell, run, folder.history(), found), found.examples)


@dataclass(frozen=True)
class Evaluated:
    """What a network says of the validation and test clips, and how it keeps the law."""

    predictions: Mapping[Split, Predictions]
    examples: dict[str, Tensor]
    """What is to be looked at of the first test clips."""
    law_errors: dict[str, float]
    """On the first validation clips, see :func:`fernn.equivariance.trained.law_errors`."""

    def table(self, clips: SealedClips) -> pa.Table:
        """One row a clip."""
        return pa.concat_tables(prediction_table(split, found, clips) for split, found in self.predictions.items())

    def metrics(self) -> dict[str, float]:
        """Every metric of both splits by name."""
        values = {split: found.metrics() for split, found in self.predictions.items()}
        return {f"{split}/{name}": value for split, found in values.items() for name, value in found.items()}


def evaluated(run: Run, clips: Stream) -> Evaluated:
    """The run's network on the validation and test clips, each read once."""
    first: list[Batch] = []
    predictions = {split: run.predict(keep_first(clips.evaluation(split), first)) for split in EVALUATED}
    return Evaluated(predictions, run.look_at(first[-1]), law_errors(run, first[0].clips))


def keep_first(batches: Iterable[Batch], kept: list[Batch]) -> Iterator[Batch]:
    """The batches, of which the first is added to ``kept``."""
    for number, batch in enumerate(batches):
        if number == 0:
            kept.append(batch)
        yield batch


def result(cell: Cell, run: Run, rows: list[Row], found: Evaluated) -> Result:
    """What the cell came to, what it cost, and on what."""
    metrics = found.metrics()
    return Result(
        key=cell.key,
        epochs=run.epoch,
        best_epoch=run.best_epoch,
        num_parameters=sum(parameter.numel() for parameter in run.model.parameters()),
        metrics=metrics,
        metrics_sha256=Training(rows, metrics).sha256,
        law_errors=found.law_errors,
        peak_memory_bytes=peak_memory(run.device),
        train_seconds=sum(row["time/train_seconds"] for row in rows),
        validation_seconds=sum(row["time/validation_seconds"] for row in rows),
        finished_at=time.time(),
        machine=machine(run.device),
    )


def prediction_table(split: Split, predictions: Predictions, clips: SealedClips) -> pa.Table:
    """One row a clip: split, id, what is known of it (KTH: person), what the task keeps (label and logits)."""
    ids = predictions.ids
    return pa.table({"split": [split] * len(ids), "id": ids} | clips.facts(ids) | predictions.columns())
