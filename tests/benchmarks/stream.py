"""Flowed clips a second through Ray Data's iterator, beside a plain loop: ``python tests/benchmarks/stream.py``.

All make the same kind of batches of 32 clips out of as many training clips as KTH has (1517 ranges of
95 frames of 32x32 pixels, random grey levels), without a model: one process alone, four processes at once that
share the frames (their rates added up), and the plain loop. "waiting" is the share of an epoch's training that the
3D-CNN, the search's fastest model, waits for its clips.
"""

import argparse
import json
import os
import statistics
import time

import numpy as np
import ray
import torch
from hardware import describe, show

from data.kth.stream import ClipStream, Footage
from fernn.config import KTHConfig
from fernn.experiment import Experiment
from fernn.flows import TranslationFlow
from fernn.train.loop import steps_of, train_epoch
from fernn.train.run import Run, available_device

NUM_CLIPS, NUM_FRAMES, SIZE, BATCH = 1517, 95, 32, 32


def kth_like_footage():
    """As many clips as KTH's training split has, and one clip each for validation and test."""
    persons = np.array([1 + i % 16 for i in range(NUM_CLIPS)] + [17, 21])
    num_frames = np.full(len(persons), NUM_FRAMES)
    frames = np.random.default_rng(0).integers(0, 256, (num_frames.sum(), SIZE, SIZE), dtype=np.uint8)
    ids = tuple(f"clip-{i}" for i in range(len(persons)))
    return Footage(frames, ids, persons, persons % 6, np.cumsum(num_frames) - num_frames, num_frames, num_frames)


def plain_epoch(footage, epoch):
    """One epoch clip by clip and frame by frame: slice, roll, flip, stack."""
    rng, flow = np.random.default_rng(epoch), TranslationFlow.box(2, 2)
    order = rng.permutation(NUM_CLIPS)
    for first in range(0, NUM_CLIPS, BATCH):
        clips = []
        for clip in order[first : first + BATCH]:
            start = footage.offsets[clip] + rng.integers(NUM_FRAMES - 31)
            frames = torch.from_numpy(footage.frames[start : start + 32 : 2])
            velocity = tuple(rng.integers(-2, 3, 2).tolist())
            moved = torch.stack([flow.act(frame, velocity, t) for t, frame in enumerate(frames)])
            clips.append(moved.flip(-1) if rng.random() < 0.5 else moved)
        yield torch.stack(clips)


def measure(epochs, num_epochs):
    """Clips a second and milliseconds to the first batch: medians over epochs after the first."""
    rates, firsts = [], []
    for epoch in range(1, num_epochs + 2):
        begun, first, count = time.perf_counter(), 0.0, 0
        for batch in epochs(epoch):
            first = first or time.perf_counter() - begun
            count += len(batch)
        rates.append(count / (time.perf_counter() - begun))
        firsts.append(1000 * first)
    return rates[1:], statistics.median(firsts[1:])


@ray.remote(num_cpus=0.5)
def one_of_four(footage, num_epochs):
    """Clips a second in one of four processes."""
    torch.set_num_threads(1)
    stream = ClipStream(footage, KTHConfig(), BATCH)
    return measure(lambda epoch: (batch.clips for batch in stream.training(0, epoch)), num_epochs)


def four_at_once(footage, num_epochs):
    """Rates added up over four processes, epoch by epoch; the median time to the first batch."""
    shared = ray.put(footage)
    ray.get([one_of_four.remote(shared, 1) for _ in range(4)])  # starts the processes
    found = ray.get([one_of_four.remote(shared, num_epochs) for _ in range(4)])
    return [sum(rates) for rates in zip(*[rates for rates, _ in found], strict=True)], statistics.median(
        f for _, f in found
    )


def waiting_share(footage):
    """Of an epoch's training of the 3D-CNN on all cores."""
    torch.set_num_threads(os.cpu_count())
    run = Run.start(Experiment().override({"model": "3dcnn"}), available_device())
    return train_epoch(run, ClipStream(footage, KTHConfig(), BATCH, run.device), steps_of(run))["time/waiting_share"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    torch.set_num_threads(1)
    footage = kth_like_footage()
    stream = ClipStream(footage, KTHConfig(), BATCH)
    found = {
        "Ray Data stream": measure(lambda e: (b.clips for b in stream.training(0, e)), arguments.epochs),
        "four at once": four_at_once(footage, arguments.epochs),
        "plain loop": measure(lambda e: plain_epoch(footage, e), arguments.epochs),
    }
    base = statistics.median(found["plain loop"][0])
    rows = [
        {
            "pipeline": name,
            "clips/s": round(statistics.median(rates)),
            "min": round(min(rates)),
            "max": round(max(rates)),
            "first batch ms": round(first, 1),
            "ratio": round(statistics.median(rates) / base, 2),
        }
        for name, (rates, first) in found.items()
    ]
    waiting = waiting_share(footage)
    hardware = describe("torch", "ray", "numpy")
    if arguments.json:
        print(json.dumps({"hardware": hardware, "rows": rows, "waiting": waiting}))
    else:
        show("Flowed clips, batch 32", rows, hardware)
        print(f"waiting: {waiting:.2%} of the 3D-CNN's training")


if __name__ == "__main__":
    main()
