"""What a plan will cost, from one probed training step a model."""

import os
import time
from collections.abc import Sequence
from dataclasses import replace

import torch

from data.manifest import Manifest
from fernn.batch import Batch
from fernn.experiment import Experiment
from fernn.train.loop import train_step
from fernn.train.run import Run
from tune.progress import duration
from tune.study import Cell

CPU_CLIPS = 1
"""Clips of a probed step on a CPU, where the time of a step grows with them; a GPU is probed with the whole batch."""
FORWARD_SHARE = 1 / 3
"""A validation clip needs the forward pass, about a third of a training clip's work."""
BYTES_PER_PARAMETER = 16
"""Weights and two moments of Adam in the last checkpoint, weights in the best, all float32."""


def describe_cost(cells: Sequence[Cell], manifest: Manifest, cpus_per_trial: float, concurrency: int) -> str:
    """Time and disk that the cells will take with so many trials at once."""
    probed = {probe_of(cell.experiment) for cell in cells}
    probes = {experiment: probe(experiment, cpus_per_trial) for experiment in probed}
    torch.cuda.empty_cache()  # the trials need what the probes held
    seconds = sum(cell_clips(cell.experiment, manifest) * probes[probe_of(cell.experiment)][0] for cell in cells)
    disk = sum(BYTES_PER_PARAMETER * probes[probe_of(cell.experiment)][1] for cell in cells)
    return (
        f"about {duration(seconds / concurrency)} with {concurrency} at once (from one probed step a model), "
        f"{disk / 1e6:.1f} MB of checkpoints"
    )


def probe_of(experiment: Experiment) -> Experiment:
    """The experiment with what the time of a step does not depend on put to one value."""
    return replace(experiment, seed=0, epochs=1, optim=replace(experiment.optim, lr=1e-3))


def cell_clips(experiment: Experiment, manifest: Manifest) -> float:
    """How many clips a cell trains on, validation clips counted by their work."""
    clips = manifest.clips[experiment.data.split]
    return experiment.epochs * (clips["train"] + FORWARD_SHARE * clips["validation"])


def probe(experiment: Experiment, cpus: float) -> tuple[float, int]:
    """Seconds for a clip in a training step, measured after one step to warm up; and the number of parameters."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    num_clips = experiment.batch_size if device == "cuda" else CPU_CLIPS
    threads = torch.get_num_threads()
    torch.set_num_threads(max(1, int(cpus)))
    run, batch = Run.start(experiment, device), blank_batch(experiment, num_clips)
    train_step(run, batch)
    begun = time.perf_counter()
    train_step(run, batch).tolist()  # reading the result waits for the GPU
    seconds = time.perf_counter() - begun
    torch.set_num_threads(threads)
    return seconds / num_clips, sum(parameter.numel() for parameter in run.model.parameters())


def blank_batch(experiment: Experiment, num_clips: int) -> Batch:
    """A batch of the right shape without a picture in it."""
    data = experiment.data
    clips = torch.zeros(num_clips, data.num_frames, 1, data.size, data.size, dtype=torch.uint8)
    return Batch(clips, torch.zeros(num_clips, dtype=torch.int64), [""] * num_clips)


def concurrency_of(cpus_per_trial: float, gpus_per_trial: float, max_concurrent: int | None, gpus: float) -> int:
    """How many trials run at once on this machine's CPUs and so many GPUs."""
    fitting = [(os.cpu_count() or 1) / cpus_per_trial] if cpus_per_trial else []
    fitting += [gpus / gpus_per_trial] if gpus_per_trial else []
    fitting += [max_concurrent] if max_concurrent else []
    return max(1, int(min(fitting, default=1)))
