"""What a plan will cost, from one probed training step a model."""

import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from statistics import median

import ray
import torch
from ray.exceptions import GetTimeoutError, RayTaskError

from fernn.batch import Batch
from fernn.config import DataConfig
from fernn.experiment import Experiment
from fernn.train.loop import train_step
from fernn.train.run import Run, available_device
from tune.core.study import Cell, Study, StudyError
from tune.engine.continue_training import epochs_done
from tune.engine.pace import Pace
from tune.engine.ray_tune import ship_models
from tune.planning.resources import Hardware, Resources

CPU_CLIPS = 2
"""Clips of a probed step on a CPU, where the time of a step grows with them. A GPU, and a model whose steps are quick,
are probed with the whole batch. A single clip would not do: batch normalisation of a feature vector needs two."""
QUICK, ENOUGH, MOST_STEPS = 0.1, 0.25, 10
"""Seconds of a step that is quick, and of steps that are enough to take the median of; so many at the most."""
FORWARD_SHARE = 1 / 3
"""A validation clip needs the forward pass, about a third of a training clip's work."""
BYTES_PER_PARAMETER = 28
"""Weights and two moments of Adam in the last checkpoint and the one before, weights in the best, all float32."""

PATIENCE = 600.0
"""Seconds that a plan waits for a machine of the cluster to measure on; an autoscaler may have to bring one."""


class NoMachineError(Exception):
    """No machine of the cluster becomes free, so that what a search costs is not known."""


NumClips = Callable[[DataConfig], Mapping[str, int]]
"""How many clips each split of the data has."""


@dataclass(frozen=True)
class Cost:
    """What cells will take at the most: seconds with so many trials at once, hours of GPUs, bytes on disk."""

    seconds: float
    gpu_hours: float
    concurrency: int
    num_bytes: int
    pace: Pace
    price_per_gpu_hour: float | None = None

    @property
    def price(self) -> float | None:
        """What the GPUs cost, in the currency of the price that was given, None where none was."""
        return None if self.price_per_gpu_hour is None else self.gpu_hours * self.price_per_gpu_hour


def cost_of(
    study: Study,
    cells: Sequence[Cell],
    num_clips: NumClips,
    resources: Resources,
    hardware: Hardware,
    elsewhere: bool = False,
) -> Cost:
    """Time and disk that the cells will take, trained to their last epoch; StudyError for a model that fails.

    ``elsewhere``: steps are probed where trials will run, in the cluster that Ray is connected to; raises
    NoMachineError where no machine there becomes free.
    """
    held = {cell: resources.of(study.model_label(cell)) for cell in cells}
    at_once = {cell: min(concurrency_of(*share, resources, hardware), len(cells)) for cell, share in held.items()}
    ship_models(cells)
    beside = OtherTrials(max(at_once.values()), min(cpus for cpus, _ in held.values()))
    probed = {(probe_of(cell.experiment), share) for cell, share in held.items()}
    probes = {(experiment, share): _try(experiment, share, beside, elsewhere) for experiment, share in probed}
    torch.cuda.empty_cache()  # the trials need what the probes held
    done = epochs_done(study, cells)
    taken, num_bytes, paces = [], 0, {}
    for cell in cells:
        seconds_per_clip, num_parameters = probes[probe_of(cell.experiment), held[cell]]
        of_epoch = paces[study.model_label(cell)] = epoch_clips(cell.experiment, num_clips) * seconds_per_clip
        at_end = FORWARD_SHARE * evaluated_clips(cell.experiment, num_clips) * seconds_per_clip
        taken.append(((cell.experiment.epochs - done[cell.key]) * of_epoch + at_end, at_once[cell], held[cell][1]))
        num_bytes += BYTES_PER_PARAMETER * num_parameters
    more = 1 + study.num_to_come / len(cells)  # cells that are still to be proposed, like those that are
    wall = sum(seconds / together for seconds, together, _ in taken)
    gpu_hours = sum(seconds * share for seconds, _, share in taken) / 3600
    return Cost(more * wall, more * gpu_hours, max(at_once.values()), int(more * num_bytes), Pace(paces, done))


def probe_of(experiment: Experiment) -> Experiment:
    """The experiment with what the time of a step does not depend on put to one value."""
    still = replace(experiment.data, velocity_range=0)
    return replace(experiment, seed=0, epochs=1, data=still, optim=replace(experiment.optim, lr=1e-3))


def epoch_clips(experiment: Experiment, num_clips: NumClips) -> float:
    """How many clips a cell trains on in an epoch, validation clips counted by their work."""
    clips = num_clips(experiment.data)
    return clips["train"] + FORWARD_SHARE * clips["validation"]


def evaluated_clips(experiment: Experiment, num_clips: NumClips) -> int:
    """How many clips a cell is evaluated on when its last epoch is done."""
    clips = num_clips(experiment.data)
    return clips["validation"] + clips["test"]


@dataclass(frozen=True)
class OtherTrials:
    """What else the machines do while one trial is probed: so many trials at once in all, each on so many CPUs."""

    at_once: int
    cpus: float

    def num_threads(self) -> int:
        """How many busy threads stand for that on this machine, none where trials compute on GPUs.

        The other trials; and one thread for the driver, the shipping to MLflow, and the clips made for the next step.
        """
        if available_device().type == "cuda":
            return 0
        fitting = int(len(os.sched_getaffinity(0)) / max(1.0, self.cpus))
        return max(0, min(self.at_once, fitting) - 1) * max(1, int(self.cpus)) + 1


def _try(experiment: Experiment, share: tuple[float, float], beside: OtherTrials, elsewhere: bool) -> tuple[float, int]:
    try:
        return probe_elsewhere(experiment, share, beside) if elsewhere else probe_here(experiment, share[0], beside)
    except NoMachineError:
        raise
    except Exception as error:
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise StudyError(f"model {experiment.model.name!r} fails in its first training step: {first_line}") from error


@cache
def probe_elsewhere(experiment: Experiment, share: tuple[float, float], beside: OtherTrials) -> tuple[float, int]:
    """As :func:`probe_here`, in the cluster, by a task that holds what a trial holds; raises NoMachineError."""
    cpus, gpus = share
    task = ray.remote(num_cpus=cpus, num_gpus=gpus, max_calls=1)(probe_here)  # a GPU's memory goes with its process
    try:
        found: tuple[float, int] = ray.get(task.remote(experiment, cpus, beside), timeout=PATIENCE)
        return found
    except GetTimeoutError as error:
        raise NoMachineError(f"no machine with {cpus:g} CPUs and {gpus:g} GPUs free in {PATIENCE:.0f} s") from error
    except RayTaskError as error:
        raise error.cause from error


def probe_here(experiment: Experiment, cpus: float, beside: OtherTrials) -> tuple[float, int]:
    """As :func:`probe`, beside what else this machine will do."""
    return probe(experiment, cpus, beside.num_threads())


@cache
def probe(experiment: Experiment, cpus: float, beside: int = 0) -> tuple[float, int]:
    """Seconds for a clip in a training step, the median of some after one to warm up; and the number of parameters.

    ``beside`` threads compute meanwhile: trials that share a machine's cores and memory slow each other down.
    """
    device = available_device()
    threads = torch.get_num_threads()
    torch.set_num_threads(max(1, int(cpus)))
    try:
        run = Run.start(experiment, device)
        num_clips = experiment.batch_size if device.type == "cuda" else CPU_CLIPS
        with cpu_load(beside):
            seconds = timed_steps(run, num_clips)
            if seconds < QUICK and num_clips < experiment.batch_size:
                num_clips = experiment.batch_size
                seconds = timed_steps(run, num_clips)
    finally:
        torch.set_num_threads(threads)
    return seconds / num_clips, sum(parameter.numel() for parameter in run.model.parameters())


@contextmanager
def cpu_load(num_threads: int) -> Iterator[None]:
    """Keep so many threads at convolutions, which let go of Python's lock while they compute."""
    done = threading.Event()

    def work() -> None:
        torch.set_num_threads(1)
        maps, kernels = torch.ones(8, 32, 32, 32), torch.ones(32, 32, 3, 3)
        while not done.is_set():
            torch.nn.functional.conv2d(maps, kernels, padding=1)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(num_threads)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()


def timed_steps(run: Run, num_clips: int) -> float:
    """Median seconds of a training step on so many clips."""
    batch = blank_batch(run.experiment, num_clips)
    taken: list[float] = []
    train_step(run, batch)
    while sum(taken) < ENOUGH and len(taken) < MOST_STEPS:
        begun = time.perf_counter()
        train_step(run, batch).tolist()  # reading the result waits for the GPU
        taken.append(time.perf_counter() - begun)
    return median(taken)


def blank_batch(experiment: Experiment, num_clips: int) -> Batch:
    """A batch of the right shape without a picture in it."""
    data = experiment.data
    clips = torch.zeros(num_clips, data.num_frames, data.channels, data.size, data.size, dtype=torch.uint8)
    return Batch(clips, torch.zeros(num_clips, *data.label_shape, dtype=torch.int64), [""] * num_clips)


def concurrency_of(cpus: float, gpus: float, resources: Resources, hardware: Hardware) -> int:
    """How many trials that hold so many CPUs and GPUs fit at once."""
    fitting = [hardware.cpus / cpus] if cpus else []
    fitting += [hardware.gpus / gpus] if gpus else []
    fitting += [resources.max_concurrent] if resources.max_concurrent else []
    most = min(fitting, default=1)
    return sys.maxsize if math.isinf(most) else max(1, int(most))
