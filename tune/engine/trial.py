"""A trial: one attempt at one cell, inside a Ray Tune worker."""

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from ray import tune
from torch import Tensor

from data.stream import Corpus
from fernn.batch import Batch
from fernn.equivariance import law_errors
from fernn.experiment import Split
from fernn.train.loop import DivergedError, Row, fit
from fernn.train.run import Run, available_device
from fernn.train.task import Predictions
from tune.analysis.differences import Training
from tune.core.cell_folder import CellFolder
from tune.core.clips import COMPLETION, SealedClips
from tune.core.code_record import source_sha256
from tune.core.folder import DamagedError
from tune.core.given_weights import initial_weights
from tune.core.orders import read_orders
from tune.core.result import Result
from tune.core.study import Cell, Study
from tune.engine.machine import assigned_kind, machine, peak_memory, reset_peak_memory
from tune.engine.roofline import cpu_peak
from tune.engine.usage import Usage
from tune.planning.resources import Share

OUT_OF_MEMORY = "the GPU's memory ran out"
"""The beginning of the reason of a failure that a larger share of a GPU may prevent."""
EVALUATED: tuple[Split, ...] = ("validation", "test")


@dataclass(frozen=True)
class Task:
    """What one trial does: train the cell from its last checkpoint, which an earlier trial may have written."""

    cell: Cell
    until: int | None
    """The epoch after which the trial ends, and another will continue it; None for the cell's last."""
    shares: Mapping[str, Share]
    """CPUs and GPUs of the trial on each kind of GPU."""

    def __str__(self) -> str:
        return self.cell.name


def trial(config: Mapping[str, Any], *, study: Study, corpus: Corpus) -> None:
    """Do the ``task`` of the config in the study's folder; ``study`` needs no cells.

    Reports one row an epoch to Ray Tune; everything else goes to the cell's folder. Test clips are
    read once, at the end, with the weights of the best validation epoch. A diverged loss and a lack of GPU memory
    are recorded and not raised, since Ray would try again and fail in the same way. A cell that was paused while its
    trial waited for room is left as it is.
    """
    task: Task = config["task"]
    cell = task.cell
    if is_held(study, cell):
        return
    source_sha256()  # cached now, since the files may change while the cell is trained
    reset_globals(int(os.environ.get("OMP_NUM_THREADS", "1")))  # Ray sets it to the trial's number of CPUs
    folder = study.cell_folder(cell)
    folder.take_over()
    try:
        for row in train(study, cell, folder, corpus, available_device(), task.until):
            tune.report(row)
    except DivergedError as error:
        folder.fail(str(error), diverged=True)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        folder.fail(f"{OUT_OF_MEMORY}: {str(error).splitlines()[0]}", diverged=False, kind=assigned_kind())


def is_held(study: Study, cell: Cell) -> bool:
    """Whether a person has paused or stopped the cell; an order that cannot be read is the driver's to tell."""
    try:
        return read_orders(study.folder).holds(cell)
    except DamagedError:
        return False


def is_out_of_memory(error: Exception) -> bool:
    """Whether the error of PyTorch, CUDA or one of its libraries means that a GPU's memory ran out."""
    text = str(error)
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in text or "ALLOC_FAILED" in text


def train(
    study: Study, cell: Cell, folder: CellFolder, corpus: Corpus, device: torch.device, until: int | None = None
) -> Iterator[Row]:
    """Train and record the epochs that are left, and yield their rows; after the last, evaluate and finish the cell.

    ``until``: the epoch after which to end, None for the cell's last epoch. Raises DivergedError where the loss is not
    finite, and StudyError where the study lacks the weights from which the model's training starts.
    """
    experiment = cell.experiment
    reset_peak_memory(device)
    clips = SealedClips(corpus.stream(experiment.data, experiment.batch_size, device), folder)
    run = Run.start(experiment, device)
    if (initial := initial_weights(study.folder, experiment.model)) is not None:
        run.model.load_state_dict(initial)
    folder.begin(run, study.code)
    folder.add_machine(machine(device))
    usage = Usage(device)
    for row in fit(run, clips, until):
        row |= usage.row()
        row["time/recorded_at"] = time.time()
        folder.record(row, run)
        yield {**row, f"memory/{device.type}_bytes": peak_memory(device)}
    if run.has_ended:
        folder.load_best(run)
        folder.finish(*evaluated(cell, run, clips, folder.history()))


def reset_globals(num_threads: int) -> None:
    """Reset threads, seeds and other global settings, which an earlier trial in the same process may have changed."""
    torch.set_num_threads(num_threads)
    torch.manual_seed(0)
    np.random.seed(0)
    torch.set_default_dtype(torch.float32)
    torch.set_grad_enabled(True)
    torch.backends.cudnn.benchmark = False
    torch.cuda.empty_cache()


Evaluation = tuple[pa.Table, Result, dict[str, Tensor]]
"""A table with one row a clip: split, id, the clip's facts (KTH: person), and the task's columns (label and logits);
the cell's result; and example clips and predictions of the first test batch, by name."""


def evaluated(cell: Cell, run: Run, clips: SealedClips, rows: list[Row]) -> Evaluation:
    """The run's network on the validation and test clips, each read once; ``rows`` are those of its training."""
    opened, first, predictions = clips.opened(COMPLETION), dict[Split, Batch](), dict[Split, Predictions]()
    for split in EVALUATED:
        batches = opened.evaluation(split)
        first[split] = next(batches)
        predictions[split] = run.predict(chain([first[split]], batches))
    examples, errors = run.look_at(first["test"]), law_errors(run, first["validation"].clips)
    tables = []
    for split, answers in predictions.items():
        columns = {"split": [split] * len(answers.ids), "id": answers.ids}
        tables.append(pa.table(columns | opened.facts(answers.ids) | answers.columns()))
    return pa.concat_tables(tables), result(cell, run, rows, predictions, errors), examples


def measured_peak(run: Run) -> dict[str, float]:
    """The FLOP/s of a matrix product where the run computes on a CPU; a GPU's stand in its data sheet."""
    if run.device.type != "cpu":
        return {}
    return {"peak_flops_per_second": cpu_peak(run.experiment.precision, torch.get_num_threads())}


def launched(run: Run) -> dict[str, str]:
    """How a GPU was launched for the training steps of this trial, if it trained."""
    return {"steps": run.launch} if run.device.type == "cuda" and run.launch else {}


def result(
    cell: Cell, run: Run, rows: list[Row], predictions: Mapping[Split, Predictions], errors: dict[str, float]
) -> Result:
    """The cell's result from its rows, and from the predictions and law errors of its best weights."""
    by_split = {split: answers.metrics() for split, answers in predictions.items()}
    metrics = {f"{split}/{name}": value for split, values in by_split.items() for name, value in values.items()}
    return Result(
        key=cell.key,
        epochs=run.epoch,
        best_epoch=run.best_epoch,
        num_parameters=sum(parameter.numel() for parameter in run.model.parameters()),
        metrics=metrics,
        metrics_sha256=Training(rows, metrics).sha256,
        law_errors=errors,
        peak_memory_bytes=peak_memory(run.device),
        train_seconds=sum(row["time/train_seconds"] for row in rows),
        validation_seconds=sum(row["time/validation_seconds"] for row in rows),
        finished_at=time.time(),
        machine=machine(run.device) | measured_peak(run) | launched(run),
    )
