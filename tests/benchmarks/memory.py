"""What a training step takes in memory and time, by recomputation and precision: ``python tests/benchmarks/memory.py``.

FERNN-V2 on translating MNIST as published, but for the batch. Each setting runs in a process of its own; its memory
is what the process holds at the most in the step, less what it held before. The figure for the paper's batch of 128
is in proportion: what a step keeps grows with the batch.
"""

import argparse
import json
import resource
import subprocess
import sys
import time

import torch
from hardware import describe

from fernn.config import data_config
from fernn.experiment import Experiment
from fernn.models import MODELS
from fernn.train.run import Run, autocast

PAPER_BATCH = 128
SETTINGS = [(precision, recompute) for precision in ("float32", "bf16") for recompute in (0, 5)]


def held():
    """The most that this process has held so far, bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def step(run, clips):
    """One forward and backward pass; its seconds."""
    began = time.perf_counter()
    with autocast(run.device, run.experiment.precision):
        loss, _ = run.task.loss(run.model, clips, clips)
    loss.backward()
    return time.perf_counter() - began


def measure(precision, recompute, batch):
    torch.set_num_threads(1)
    model = MODELS["translating-mnist"]["fernn-v2"].override({"recompute_steps": recompute})
    run = Run.start(Experiment(model, data_config("translating-mnist"), precision=precision))
    clips = torch.rand(batch, 20, 1, 28, 28)
    before, seconds = held(), step(run, clips)
    num_bytes = held() - before
    return {
        "precision": precision,
        "recompute_steps": recompute,
        "seconds": round(seconds, 1),
        "megabytes": round(num_bytes / 1e6),
        "gigabytes_at_128": round(num_bytes * PAPER_BATCH / batch / 1e9, 1),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--one", nargs=2)
    arguments = parser.parse_args()
    if arguments.one:
        precision, recompute = arguments.one
        print(json.dumps(measure(precision, int(recompute), arguments.batch)))
    else:
        print(json.dumps(describe()))
        for setting in SETTINGS:
            command = [sys.executable, __file__, "--batch", str(arguments.batch), "--one", *map(str, setting)]
            subprocess.run(command, check=True)
