"""Sequences of moving digits a second, whole batches against a plain loop: ``python tests/benchmarks/sequences.py``.

The plain loop makes sample after sample, digit after digit, frame after frame, as the published generators do.
Medians of alternating runs on one core, random pictures.
"""

import json
import time
from statistics import median

import numpy as np
import torch
import torch.nn.functional as F

from data.mnist.render import draw_rotating, draw_translating
from data.mnist.stream import draw
from fernn.config import RotatingMNISTConfig, TranslatingMNISTConfig
from fernn.flows.rotation import rotate
from fernn.seeding import generator

BATCH, REPEATS = 128, 7


def plain_translating(pictures, velocities, starts, num_frames, size):
    sequences = []
    for digits, speeds, places in zip(pictures, velocities, starts, strict=True):
        frames = torch.zeros(num_frames, size, size)
        for digit, speed, place in zip(digits, speeds, places, strict=True):
            plane = torch.from_numpy(digit) / 255
            for t in range(num_frames):
                frames[t] += torch.roll(plane, tuple((place + t * speed).tolist()), (0, 1))
        sequences.append(frames.clamp(max=1))
    return torch.stack(sequences)


def plain_rotating(pictures, velocities, starts, num_frames, size):
    sequences = []
    for digits, speeds, places in zip(pictures, velocities, starts, strict=True):
        frames = torch.zeros(num_frames, size, size)
        for digit, speed, place in zip(digits, speeds, places, strict=True):
            plane = F.pad(torch.from_numpy(digit) / 255, [6] * 4)
            for t in range(num_frames):
                frames[t] += rotate(plane, float((place + t * speed)[0]))
        sequences.append(frames.clamp(max=1))
    return torch.stack(sequences)


def seconds(make, *arguments):
    began = time.perf_counter()
    make(*arguments)
    return time.perf_counter() - began


def measure(data, ours, plain):
    pictures = np.random.default_rng(0).integers(0, 256, (BATCH, 2, 28, 28)).astype(np.uint8)
    drawn = draw(data, generator("benchmark"), BATCH, 10)
    arguments = (pictures, drawn.velocities, drawn.starts, data.num_frames, data.size)
    ours(*arguments)
    pairs = [(seconds(plain, *arguments), seconds(ours, *arguments)) for _ in range(REPEATS)]
    slow, fast = (median(one) for one in zip(*pairs, strict=True))
    return {"sequences_per_second": BATCH / fast, "plain": BATCH / slow, "ratio": slow / fast}


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(json.dumps({"translating": measure(TranslatingMNISTConfig(), draw_translating, plain_translating),
                      "rotating": measure(RotatingMNISTConfig(), draw_rotating, plain_rotating)},
                     indent=2))  # fmt: skip
