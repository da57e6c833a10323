"""What a search of many cells asks of its driver and its records: ``python tests/benchmarks/scale.py --cells 1000``.

All parts are real but the training: a trial takes its cell over, writes one epoch, its checkpoints, its predictions and
its result, and reports to Ray Tune. MLflow and Optuna's study are in SQLite, the study on this machine's disk. Shown
are the seconds for a cell at both ends of the search, what the driver took, what lies on disk, how long the same
command takes when nothing is missing, and a report. What 10,000 cells on 1,000 machines would ask follows from these.
"""

import argparse
import json
import os
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

import pyarrow as pa
from hardware import describe, show
from ray import tune as ray_tune

from data.kth.demo import DemoConfig, render
from data.kth.prepare import PrepareConfig, prepare
from fernn.train.run import Run
from tune import kth_search, report
from tune.commands import search as command
from tune.commands.search_output import SearchOutput
from tune.core.folder import Folder
from tune.core.protocol import load_study
from tune.core.result import Result
from tune.planning.options import parse

STUDY, SEEDS = "scale", 100
TINY = ["--set", "data.size=8", "--set", "model.hidden_channels=2", "--set", "model.embedding_channels=[2]"]


def predictions() -> pa.Table:
    """Twenty clips, of which half are taken for what they are."""
    ids = [f"{split}-{i}" for split in ("validation", "test") for i in range(10)]
    logits = [[1.0, float(i % 2), -1.0, -1.0, -1.0, -1.0] for i in range(20)]
    splits = [name.partition("-")[0] for name in ids]
    return pa.table({"split": splits, "id": ids, "person": [1] * 20, "label": [0] * 20, "logits": logits})


def one_step(config, *, study, corpus):
    """A trial that has everything of one but the training."""
    cell = config["task"].cell
    folder, run = study.cell_folder(cell), Run.start(cell.experiment)
    folder.take_over()
    folder.begin(run)
    run.epoch = run.best_epoch = 1
    row = {"epoch": 1, "train/loss": 1.0, "train/accuracy": 0.5, "train/gradient_norm": 1.0, "validation/loss": 1.0,
           "validation/accuracy": 0.5, "time/train_seconds": 0.1, "time/clips_per_second": 100.0,
           "time/waiting_share": 0.0, "time/validation_seconds": 0.1, "time/recorded_at": time.time(),
           "best/epoch": 1, "best/accuracy": 0.5}  # fmt: skip
    folder.record(row, run)
    ray_tune.report(row)
    metrics = {"validation/accuracy": 0.5, "test/accuracy": 0.5}
    facts = {"key": cell.key, "num_parameters": 1, "best_epoch": 1, "train_seconds": 0.1, "metrics": metrics}
    folder.finish(predictions(), Result.of(facts | {"finished_at": time.time()}))


def options(num_cells: int, data: Path) -> list[str]:
    rates = [f"{1e-3 * (1 + i / 100):.5f}" for i in range(max(1, num_cells // SEEDS))]
    seeds = map(str, range(min(num_cells, SEEDS)))
    grid = ["--models", "grnn", "--lrs", *rates, "--seeds", *seeds, "--epochs", "1"]
    return [*grid, "--data", str(data), "--study", STUDY, "--yes", "--json", *TINY]


def run(words: Sequence[str]) -> dict[str, float]:
    """The command in this process: seconds, CPU seconds and memory of the driver."""
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    with mock.patch.object(sys, "argv", ["scale", *words]), open(os.devnull, "w") as out:
        code = command.run(kth_search.SEARCH, parse(""), SearchOutput(out))
    assert code == 0, code
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": time.perf_counter() - began, "cpu": cpu, "memory": after.ru_maxrss / 1e3}


def pace(study, share: tuple[float, float]) -> float:
    """Seconds for a cell in a part of the search, by when cells finished."""
    moments = sorted(study.cell_folder(cell).done().finished_at for cell in study.cells)
    low, high = (int(part * (len(moments) - 1)) for part in share)
    return (moments[high] - moments[low]) / max(1, high - low)


def timed(act) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def rows_of(database: Path, table: str) -> int:
    with sqlite3.connect(database) as connection:
        return connection.execute(f"select count(*) from {table}").fetchone()[0]


def measure(num_cells: int) -> list[dict[str, object]]:
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        home = Path(scratch)
        render(DemoConfig(home / "videos", persons=22, ranges=1, frames=33))
        prepare(PrepareConfig(home / "data", home / "videos", size=8))
        words = options(num_cells, home / "data")
        with mock.patch("tune.engine.ray_tune.trial", one_step):
            first = run(words)
        again, study = run(words), load_study(Folder(str(home / "studies" / STUDY)))
        cells = Folder(str(home / "studies" / STUDY / "cells"))
        files = sum(1 for path in (home / "studies" / STUDY / "cells").rglob("*") if path.is_file())
        shown = timed(lambda: report.write(report.Table.of(study), Folder(str(home / "report"))))
        mlflow, optuna = home / "studies/mlflow.db", home / "studies/optuna.db"
        facts = {
            "cells": num_cells, "whole command, s": round(first["seconds"], 1),
            "s/cell in the first fifth": round(pace(study, (0.0, 0.2)), 3),
            "s/cell in the last fifth": round(pace(study, (0.8, 1.0)), 3),
            "driver's CPU, s/cell": round(first["cpu"] / num_cells, 3), "driver's memory, MB": round(first["memory"]),
            "nothing missing, s": round(again["seconds"], 1), "table, s": round(shown, 1),
            "files/cell": round(files / num_cells, 1), "kB/cell": round(cells.num_bytes() / num_cells / 1e3, 1),
            "MLflow, kB/cell": round(mlflow.stat().st_size / num_cells / 1e3, 1),
            "MLflow's metric rows": rows_of(mlflow, "metrics"), "Optuna, kB": round(optuna.stat().st_size / 1e3),
        }  # fmt: skip
        os.chdir("/")
    return [{"what": name, "measured": value} for name, value in facts.items()]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    rows, hardware = measure(asked.cells), describe("torch", "ray", "mlflow", "optuna")
    if asked.json:
        print(json.dumps({"hardware": hardware, "rows": rows}))
    else:
        show(f"A search of {asked.cells} cells that train nothing", rows, hardware)
