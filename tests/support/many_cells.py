"""A study of as many finished cells as asked, written in seconds: the files of real cells, but for checkpoints."""

import hashlib
import math

import pyarrow as pa
import pyarrow.parquet as pq

from fernn.experiment import Experiment
from tests.support.stored_study import NARROW, predictions
from tune.core.cell_folder import DONE, METRICS, PREDICTIONS
from tune.core.cells import plan_cells
from tune.core.folder import ENTRIES, Folder, sealed_line
from tune.core.protocol import save_study
from tune.core.result import Result
from tune.core.study import Study
from tune.planning.ledger import LEDGER, Session

MODELS, SEEDS = ("fernn-v1", "grnn"), 5


def planned(folder, num_cells, epochs):
    """The study's plan: two models, five seeds, and as many learning rates as that asks for."""
    num_rates = max(1, num_cells // (SEEDS * len(MODELS)))
    rates = tuple(float(f"{10 ** (-4 + 3 * i / num_rates):.4g}") for i in range(num_rates))
    space = {"model": MODELS, "optim.lr": rates, "seed": tuple(range(SEEDS))}
    cells = plan_cells(Experiment(), space, "hash", NARROW | {"epochs": epochs})
    study = Study("many", Folder(str(folder)), space, cells)
    save_study(study)
    return study


def many_cells(folder, num_cells, epochs=50):
    """The study with a result and a row an epoch in each cell."""
    study = planned(folder, num_cells, epochs)
    pq.write_table(predictions((6, 5)), sink := pa.BufferOutputStream())
    table = sink.getvalue().to_pybytes()
    for cell in study.cells:
        train(study, cell, epochs)
        finish(study, cell, table)
    return study


def train(study, cell, epochs):
    """Write the rows of a cell up to that epoch, as training does."""
    content = "".join(map(sealed_line, rows_of(cell, epochs)))
    study.cell_folder(cell).folder.write(METRICS, content.encode())


def rows_of(cell, epochs):
    """Rows in which accuracy rises towards what the learning rate and the seed allow."""
    experiment = cell.experiment
    most = 0.9 - 0.12 * abs(math.log10(experiment.optim.lr) + 2.5) - 0.02 * experiment.seed
    most -= 0.15 * (experiment.model.name == "grnn")
    for epoch in range(1, epochs + 1):
        value = 0.17 + (most - 0.17) * (1 - math.exp(-epoch / 12))
        yield {
            "epoch": epoch, "train/loss": 2.0 - value, "train/accuracy": value, "train/gradient_norm": 0.5,
            "time/train_seconds": 2.0 + epoch / 1000, "time/clips_per_second": 187.3, "time/waiting_share": 0.01,
            "validation/loss": 2.1 - value, "validation/accuracy": value, "time/validation_seconds": 0.25,
            "best/epoch": epoch, "best/accuracy": value, "time/recorded_at": 1e9 + epoch,
        }  # fmt: skip


def finish(study, cell, table):
    """Write the predictions and the result."""
    folder, last = study.cell_folder(cell).folder, [*rows_of(cell, cell.experiment.epochs)][-1]
    folder.write(PREDICTIONS, table)
    metrics = {"validation/accuracy": last["best/accuracy"], "test/accuracy": 0.5}
    result = Result(
        cell.key, epochs=cell.experiment.epochs, best_epoch=cell.experiment.epochs, num_parameters=1234,
        metrics=metrics, law_errors={"own/float32": 0.3, "circular/float32": 2e-7}, train_seconds=100.0,
        finished_at=1e9, machine={"host": "node", "device": "cpu", "held": {"cpus": 1.0, "gpus": 0.0}},
        predictions_sha256=hashlib.sha256(table).hexdigest(),
    )  # fmt: skip
    folder.write_sealed(DONE, result.facts())


def half_done(folder, epochs=40):
    """A study of 20 cells in the middle of its search: done, begun, diverged, failed and waiting ones."""
    study = planned(folder, 20, epochs)
    pq.write_table(predictions((6, 5)), sink := pa.BufferOutputStream())
    for place, cell in enumerate(study.cells):
        if place % 10 in (0, 1, 2, 5):
            train(study, cell, epochs)
            finish(study, cell, sink.getvalue().to_pybytes())
        elif place % 10 in (3, 6):
            train(study, cell, 5 + place)
    for place, reason, is_diverged in ((7, "the training loss is nan", True), (17, OUT_OF_MEMORY, False)):
        train(study, study.cells[place], 3)
        cell_folder = study.cell_folder(study.cells[place])
        cell_folder.folder.write_sealed("failure.json", {"reason": reason, "diverged": is_diverged})
    session = Session("a", 1e9, 1e9 + 1200, 1200.0, 0.5, 2.0)
    study.folder.write_sealed(LEDGER, {ENTRIES: [session._asdict()]})
    return study


OUT_OF_MEMORY = "CUDA out of memory. Tried to allocate 2.00 GiB.\nGPU 0 has a total capacity of 39.4 GiB"
