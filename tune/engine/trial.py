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
from fernn.equivariance import law_errors
from fernn.experiment import Split
from fernn.files.checkpoint import Tensors
from fernn.train.loop import DivergedError, Row, fit
from fernn.train.run import Run, available_device
from fernn.train.task import Predictions
from tune.analysis.differences import Training
from tune.core.cell_folder import CellFolder
from tune.core.code_record import source_sha256
from tune.core.given_weights import initial_weights
from tune.core.result import Result
from tune.core.study import Cell, Study
from tune.core.test_access import COMPLETION, SealedClips
from tune.engine.machine import machine, peak_memory, reset_peak_memory

OUT_OF_MEMORY = "the GPU's memory ran out"
"""The beginning of the reason of a failure that a larger share of a GPU may prevent."""
EVALUATED: tuple[Split, ...] = ("validation", "test")


def trial(point: Mapping[str, Any], *, study: Study, corpus: Corpus, until: int | None) -> None:
    """Train the cell at ``point`` of the study, from its last checkpoint, which an earlier trial may have written.

    With ``until`` the trial ends after that epoch, and another trial continues it.

    Reports one row an epoch to Ray Tune; everything else goes to the cell's folder. Test clips are
    read once, at the end, with the weights of the best validation epoch. A diverged loss and a lack of GPU memory
    are recorded and not raised, since Ray would try again and fail in the same way.
    """
    cell = study.cell_at(point)
    source_sha256()  # cached now, since the files may change while the cell is trained
    reset_globals(int(os.environ.get("OMP_NUM_THREADS", "1")))  # Ray sets it to the trial's number of CPUs
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
    """Whether the error of PyTorch, CUDA or one of its libraries means that a GPU's memory ran out."""
    text = str(error)
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in text or "ALLOC_FAILED" in text


@dataclass(frozen=True)
class Span:
    """The part of a cell's training that one trial does."""

    until: int | None = None
    """The last epoch of the trial; None for the cell's last epoch."""
    code: str = ""
    """The id of the record of the code that trains, see :mod:`tune.core.code_record`; empty without one."""
    initial: Tensors | None = None
    """Weights with which a new cell begins; None for random weights."""


def train(
    cell: Cell,
    folder: CellFolder,
    corpus: Corpus,
    device: torch.device,
    report: Callable[[Row], object],
    span: Span = Span(),
) -> None:
    """Train, record and report the epochs that are left; after the last, evaluate and finish the cell.

    Raises DivergedError where the loss is not finite.
    """
    experiment = cell.experiment
    reset_peak_memory(device)
    clips = SealedClips(corpus.stream(experiment.data, experiment.batch_size, device), folder)
    run = Run.start(experiment, device)
    if span.initial is not None:
        run.model.load_state_dict(span.initial)
    folder.begin(run, span.code)
    folder.add_machine(machine(device))
    for row in fit(run, clips, span.until):
        row["time/recorded_at"] = time.time()
        folder.record(row, run)
        report({**row, f"memory/{device.type}_bytes": peak_memory(device)})
    if run.epoch == experiment.epochs:
        finish(cell, folder, run, clips)


def reset_globals(num_threads: int) -> None:
    """Reset threads, seeds and other global settings, which an earlier trial in the same process may have changed."""
    torch.set_num_threads(num_threads)
    torch.manual_seed(0)
    np.random.seed(0)
    torch.set_default_dtype(torch.float32)
    torch.set_grad_enabled(True)
    torch.backends.cudnn.benchmark = False
    torch.cuda.empty_cache()


def finish(cell: Cell, folder: CellFolder, run: Run, clips: SealedClips) -> None:
    """Evaluate the best epoch's weights on the validation and test clips, and write the cell's result."""
    folder.load_best(run)
    evaluation = evaluated(run, clips.opened(COMPLETION))
    folder.finish(evaluation.table(clips), result(cell, run, folder.history(), evaluation), evaluation.examples)


@dataclass(frozen=True)
class Evaluated:
    """A network's predictions on the validation and test clips, and its law errors."""

    predictions: Mapping[Split, Predictions]
    examples: dict[str, Tensor]
    """Example clips and predictions of the first test batch, by name."""
    law_errors: dict[str, float]
    """On the first validation batch, see :func:`fernn.equivariance.law_errors`."""

    def table(self, clips: SealedClips) -> pa.Table:
        """One row a clip: split, id, the clip's facts (KTH: person), and the task's columns (label and logits)."""
        tables = []
        for split, predictions in self.predictions.items():
            ids = predictions.ids
            columns = {"split": [split] * len(ids), "id": ids} | clips.facts(ids) | predictions.columns()
            tables.append(pa.table(columns))
        return pa.concat_tables(tables)

    def metrics(self) -> dict[str, float]:
        """Every metric by "SPLIT/NAME"."""
        by_split = {split: predictions.metrics() for split, predictions in self.predictions.items()}
        return {f"{split}/{name}": value for split, values in by_split.items() for name, value in values.items()}


def evaluated(run: Run, clips: Stream) -> Evaluated:
    """The run's network on the validation and test clips, each read once."""
    first: list[Batch] = []
    predictions = {split: run.predict(keep_first(clips.evaluation(split), first)) for split in EVALUATED}
    return Evaluated(predictions, run.look_at(first[-1]), law_errors(run, first[0].clips))


def keep_first(batches: Iterable[Batch], first: list[Batch]) -> Iterator[Batch]:
    """The batches; the first one is also appended to ``first``."""
    for number, batch in enumerate(batches):
        if number == 0:
            first.append(batch)
        yield batch


def result(cell: Cell, run: Run, rows: list[Row], evaluation: Evaluated) -> Result:
    """The cell's result from its rows and the evaluation of its best weights."""
    metrics = evaluation.metrics()
    return Result(
        key=cell.key,
        epochs=run.epoch,
        best_epoch=run.best_epoch,
        num_parameters=sum(parameter.numel() for parameter in run.model.parameters()),
        metrics=metrics,
        metrics_sha256=Training(rows, metrics).sha256,
        law_errors=evaluation.law_errors,
        peak_memory_bytes=peak_memory(run.device),
        train_seconds=sum(row["time/train_seconds"] for row in rows),
        validation_seconds=sum(row["time/validation_seconds"] for row in rows),
        finished_at=time.time(),
        machine=machine(run.device),
    )
