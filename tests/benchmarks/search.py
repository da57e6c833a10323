"""What a search costs beyond its training: ``python tests/benchmarks/search.py``.

Twelve one-epoch cells of the demo (two models, three learning rates, two seeds) in a folder of their own, data rendered
before. Wall time is that of the whole command, from its start to its exit; the budget is 1.25 times the seconds of
training and validation per concurrent trial, and 8 seconds. A worker's pause is what lies between the end of one cell
and the first training step of its next.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hardware import describe, show

SEARCH = Path(__file__).parents[2] / "tune/kth_search.py"
DEMO = ("--preset", "demo", "--epochs", "1")
FIRST = (*DEMO, "--models", "grnn", "--lrs", "1e-2", "--seeds", "0", "--study", "first")
TWELVE = (*DEMO, "--lrs", "1e-2", "3e-3", "1e-3", "--seeds", "0", "1", "--study", "overhead")
CONCURRENCY = 2


def command(folder, *options):
    began = time.perf_counter()
    subprocess.run([sys.executable, SEARCH, *options], cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - began


def cells_of(folder):
    for cell in (folder / "studies/overhead/cells").iterdir():
        done = json.loads((cell / "done.json").read_text())
        row = json.loads((cell / "metrics.jsonl").read_text().splitlines()[-1])
        worked = row["time/train_seconds"] + row["time/validation_seconds"]
        yield {
            "pid": json.loads((cell / "attempt.json").read_text())["pid"],
            "first_step": row["time/recorded_at"] - worked,
            "worked": worked,
            "finished": done["finished_at"],
        }


def pauses(cells):
    """Seconds between a worker's cells."""
    by_worker = {}
    for cell in sorted(cells, key=lambda cell: cell["first_step"]):
        by_worker.setdefault(cell["pid"], []).append(cell)
    pairs = [pair for mine in by_worker.values() for pair in zip(mine[:-1], mine[1:], strict=True)]
    return [later["first_step"] - earlier["finished"] for earlier, later in pairs]


def measure():
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        command(folder, *FIRST)  # which renders the data
        wall = command(folder, *TWELVE)
        cells = list(cells_of(folder))
    worked = sum(cell["worked"] for cell in cells) / CONCURRENCY
    waited = pauses(cells)
    return {
        "cells": len(cells), "wall s": round(wall, 1), "work s": round(worked, 1),
        "budget s": round(1.25 * worked + 8, 1), "wall/budget": round(wall / (1.25 * worked + 8), 2),
        "pause s": round(statistics.median(waited), 2), "longest": round(max(waited), 2),
    }  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    rows, hardware = [measure() for _ in range(asked.repeats)], describe("torch", "ray", "mlflow")
    if asked.json:
        print(json.dumps({"hardware": hardware, "rows": rows}))
    else:
        show("A search of twelve short cells, two at once", rows, hardware)
