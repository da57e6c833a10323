"""Tensor calls of a training step, and what the host takes: ``calls.py``.

Two channels or one field, a clip of 6x6 pixels. Forward, backward and optimizer, views left out, after a step that
makes the optimizer's state. The time is the processor's, of one thread, the least of some steps: what a GPU would wait
for at least without graphs.
"""

import argparse
import sys
import time
from pathlib import Path

import torch
from hardware import describe, show

sys.path.append(str(Path(__file__).parents[2]))
from fernn.batch import Batch
from fernn.experiment import Experiment
from fernn.train.loop import train_step
from fernn.train.run import Run
from tests.support.calls import TensorCalls

SMALL = {
    "kth": {"model.hidden_channels": 2, "model.embedding_channels": (2, 2)},
    "translating-mnist": {"model.hidden_channels": 2},
    "rotating-mnist": {"model.hidden_fields": 1},
}
MODELS = {
    "kth": ("grnn", "fernn-v1", "fernn-v2", "grnn-plus"),
    "translating-mnist": ("grnn", "fernn-v1", "fernn-v2"),
    "rotating-mnist": ("grnn", "fernn-v2", "fernn-v4"),
}


def measure(data, model, repeats):
    run = Run.start(Experiment().override({"data.name": data, "model": model, **SMALL[data]}))
    batch = Batch(torch.rand(1, run.experiment.data.num_frames, 1, 6, 6), torch.zeros(1, dtype=torch.long), ["a"])
    train_step(run, batch)
    with TensorCalls() as calls:
        train_step(run, batch)
    return {
        "model": f"{data} {model}",
        "calls": calls.number,
        "host ms": f"{1e3 * least_seconds(run, batch, repeats):.1f}",
    }


def least_seconds(run, batch, repeats):
    times = []
    for _ in range(repeats):
        began = time.process_time()
        train_step(run, batch)
        times.append(time.process_time() - began)
    return min(times)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=40)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    rows = [measure(data, model, asked.repeats) for data, models in MODELS.items() for model in models]
    show("Tensor calls of a training step", rows, describe("torch"))
