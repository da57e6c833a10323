"""The time and disk space that a plan needs, from probed training steps of each model.

A step is probed alone on its GPU. Trials that share a GPU slow each other down, by how much only side by side shows
(:mod:`tune.engine.packing`). Without that the cost has bounds: at worst they take turns, and sharing gains nothing; at
best each runs as if alone, as far as the FLOP/s of all together stay below the GPU's peak.
"""

import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from statistics import median
from traceback import clear_frames
from typing import Any, NamedTuple

import ray
import torch
from ray.exceptions import GetTimeoutError, RayTaskError

from fernn.batch import Batch
from fernn.experiment import Experiment
from fernn.train.loop import steps_of
from fernn.train.run import Run, available_device
from tune.core.study import Cell, StudyError
from tune.engine.bill import Bill, Lane, bills, mean
from tune.engine.growth import epochs_done
from tune.engine.machine import device_name
from tune.engine.ray_tune import ship_models
from tune.engine.roofline import Roofline, peak_of, training_work
from tune.engine.trial import is_out_of_memory
from tune.planning.gpu_kind import on_kind
from tune.planning.plan import Planned
from tune.planning.resources import Place, Resources, Share, hardware

CPU_CLIPS = 2
"""Clips of a probed step on a CPU, where the time is proportional to them; batch normalization needs two. A GPU, and a
model with quick steps, are probed with the whole batch."""
QUICK, ENOUGH, MOST_STEPS = 0.1, 0.25, 10
"""Seconds of a quick step; seconds of steps that are enough for a median; and the most steps."""
FORWARD_SHARE = 1 / 3
"""A validation clip needs the forward pass, about a third of a training clip's work."""
BYTES_PER_PARAMETER = 28
"""Weights and two moments of Adam in the last checkpoint and the one before, weights in the best, all float32."""

PATIENCE = 600.0
"""Seconds that a plan waits for a free machine of the cluster; an autoscaler may have to start one."""


class NoMachineError(Exception):
    """No machine of the cluster becomes free, so the cost of the search cannot be measured."""


@dataclass(frozen=True)
class Pace:
    """What the plan expects of each model, by its label, and numbers of finished epochs by the cell's key."""

    epoch_seconds: Mapping[str, float] = field(default_factory=dict)
    """Of an epoch with its validation, of one trial alone."""
    epochs_done: Mapping[str, int] = field(default_factory=dict)
    gpus: Mapping[str, float] = field(default_factory=dict)
    """The share of a GPU that a trial holds, its mean over kinds of GPU."""


Load = tuple[int, float]
"""The number of trials that run at the same time, and the CPUs of each."""


@dataclass(frozen=True)
class Cost:
    """An upper estimate for cells: wall-clock seconds at that concurrency, GPU-hours, and bytes on disk."""

    seconds: float
    gpu_hours: float
    concurrency: int
    num_bytes: int
    pace: Pace
    price: float | None = None
    """Of the GPU-hours, None where the price of an hour is not given."""
    least: Bill | None = None
    """The lower bound where trials share a GPU and were not measured side by side, None elsewhere."""
    rooflines: Mapping[Place, Roofline] = field(default_factory=dict)
    """Of each model on each kind of GPU."""
    shares: Mapping[Place, float] = field(default_factory=dict)
    """Of a GPU that a trial holds there."""

    @property
    def least_price(self) -> float | None:
        """The price of the lower bound, None without one."""
        if self.price is None or self.least is None:
            return None
        return self.price * self.least.gpu_hours / self.gpu_hours


class Probe(NamedTuple):
    """A probed training step."""

    seconds_per_clip: float
    num_parameters: int
    device: str = ""
    peak: float | None = None
    """FLOP/s of the device."""


def cost_of(planned: Planned, resources: Resources, elsewhere: bool = False) -> Cost:
    """Time and disk of the missing cells trained to their last epoch; raises StudyError for a model that fails.

    ``elsewhere``: steps are probed in the cluster that Ray is connected to; raises NoMachineError where no machine
    there becomes free.
    """
    study, cells, machines = planned.study, planned.study.missing(), hardware()
    label_of = study.model_label
    at_once = {label: resources.at_once(label, machines, len(cells)) for label in dict.fromkeys(map(label_of, cells))}
    shares = {(label, kind): resources.of(label)[kind] for label, counts in at_once.items() for kind in counts}
    most = max(sum(counts.values()) for counts in at_once.values())
    load = most, min(cpus for cpus, _ in shares.values())
    ship_models(cells)
    probes = {
        (cell, kind): Probe(*measured(probe_of(cell.experiment), shares[label_of(cell), kind], load, elsewhere, kind))
        for cell in cells
        for kind in at_once[label_of(cell)]
    }
    torch.cuda.empty_cache()  # the trials need the memory of the probes
    rooflines = {(label_of(cell), kind): roofline_of(cell.experiment, probe) for (cell, kind), probe in probes.items()}
    lanes: dict[Cell, list[Lane]] = {}
    for (cell, kind), probe in probes.items():
        place, count = (label_of(cell), kind), at_once[label_of(cell)][kind]
        slower = slowdown(resources, place, count, rooflines[place].share)
        lanes.setdefault(cell, []).append(Lane(count, shares[place][1], probe.seconds_per_clip, slower))
    growth = 1 + study.num_to_come / len(cells)  # cells that a sampler will propose cost the same
    pace, least, worst = forecast(planned, lanes, growth)
    num_parameters = {cell: probe.num_parameters for (cell, _), probe in probes.items()}
    num_bytes = int(growth * BYTES_PER_PARAMETER * sum(num_parameters.values()))
    held = {place: gpus for place, (_, gpus) in shares.items()}
    cost = Cost(*worst, most, num_bytes, pace, rooflines=rooflines, shares=held)
    return cost if least == worst else replace(cost, least=least)


def forecast(planned: Planned, lanes: Mapping[Cell, Sequence[Lane]], growth: float) -> tuple[Pace, Bill, Bill]:
    """The pace of the cells on their lanes, and what ``growth`` times as many cells take, at least and at most."""
    label_of, done = planned.study.model_label, epochs_done(planned.study, list(lanes))
    seconds, gpus, bounds = dict[str, float](), dict[str, float](), list[tuple[Bill, Bill]]()
    for cell, own in lanes.items():
        label, (epoch_clips, final_clips) = label_of(cell), clips_of(planned, cell)
        seconds[label], gpus[label], _ = mean(own, [epoch_clips * lane.seconds for lane in own])
        bounds.append(bills(own, (cell.experiment.epochs - done[cell.key]) * epoch_clips + final_clips))
    least, worst = (
        Bill(*(growth * sum(part) for part in zip(*bound, strict=True))) for bound in zip(*bounds, strict=True)
    )
    return Pace(seconds, done, gpus), least, worst


def clips_of(planned: Planned, cell: Cell) -> tuple[float, float]:
    """The work of an epoch of the cell, and of its evaluation at the end, in training clips."""
    clips = planned.num_clips(cell.experiment.data)
    validation = FORWARD_SHARE * clips["validation"]
    return clips["train"] + validation, validation + FORWARD_SHARE * clips["test"]


def slowdown(resources: Resources, place: Place, concurrency: int, share_of_peak: float | None) -> tuple[float, float]:
    """How many times longer a step takes beside the other trials on its GPU than alone: at least, and at most.

    As measured where it was. Else n trials that share a GPU take n times as long if they wait for one another, since
    all together compute no more than one; and as long as one alone if that leaves the GPU idle, but no less than n
    times the part of the GPU's peak that it reaches alone (0 where that is not known).
    """
    label, kind = place
    gpus = resources.of(label)[kind][1]
    if place in resources.slowdown:
        return resources.slowdown[place], resources.slowdown[place]
    sharing = min(int(1 / gpus + 1e-9), concurrency) if 0 < gpus < 1 else 1
    return min(sharing, max(1.0, sharing * (share_of_peak or 0.0))), float(sharing)


def roofline_of(experiment: Experiment, probe: Probe) -> Roofline:
    """What the probed step says of the model on its device."""
    return Roofline(training_work(experiment), 1 / probe.seconds_per_clip, probe.device, probe.peak)


def probe_of(experiment: Experiment) -> Experiment:
    """The experiment with fixed values of the fields that do not change the time of a step."""
    still = replace(experiment.data, velocity_range=0)
    return replace(experiment, seed=0, epochs=1, data=still, optim=replace(experiment.optim, lr=1e-3))


@cache
def measured(experiment: Experiment, share: Share, load: Load, elsewhere: bool, kind: str) -> Probe:
    """As :func:`probe`, once for equal arguments; ``elsewhere``: in a task of the cluster with a trial's share.

    ``kind``: the kind of GPU there, any where it is empty.

    Raises StudyError for a model that fails, and NoMachineError where no machine of the cluster becomes free.
    """
    cpus, gpus = share
    try:
        if not elsewhere:
            return probe(experiment, cpus, load)
        task: Any = ray.remote(num_cpus=cpus, num_gpus=gpus, max_calls=1)(probe)  # a GPU's memory goes with its process
        task = task.options(resources=on_kind(kind))
        answer: Probe = ray.get(task.remote(experiment, cpus, load), timeout=PATIENCE)
        return answer
    except GetTimeoutError as error:
        wanted = f"{cpus:g} CPUs and {gpus:g} GPUs{kind and f' ({kind})'}"
        raise NoMachineError(f"no machine with {wanted} free in {PATIENCE:.0f} s") from error
    except Exception as error:
        cause = error.cause if isinstance(error, RayTaskError) else error
        if is_out_of_memory(cause):  # a trial's share grows where it runs out
            clear_frames(error.__traceback__)  # they hold what the trials need
            torch.cuda.empty_cache()
            raise NoMachineError(f"a GPU's memory ran out in a step of {experiment.model.name}") from None
        first_line = (str(cause).splitlines() or [type(cause).__name__])[0]
        raise StudyError(f"model {experiment.model.name!r} fails in its first training step: {first_line}") from error


def probe(experiment: Experiment, cpus: float, load: Load | None) -> Probe:
    """A training step, a median after a warm-up step, per clip.

    Threads imitate the other trials of ``load``, which share the machine's cores and memory; none where trials compute
    on GPUs.
    """
    device, threads = available_device(), torch.get_num_threads()
    num_busy = 0 if load is None or device.type == "cuda" else _num_busy(*load)
    torch.set_num_threads(max(1, int(cpus)))
    try:
        run = Run.start(experiment, device)
        num_clips = experiment.batch_size if device.type == "cuda" else CPU_CLIPS
        with cpu_load(num_busy):
            seconds = timed_steps(run, num_clips)
            if seconds < QUICK and num_clips < experiment.batch_size:
                num_clips = experiment.batch_size
                seconds = timed_steps(run, num_clips)
        peak = peak_of(device, experiment.precision)
    finally:
        torch.set_num_threads(threads)
    num_parameters = sum(parameter.numel() for parameter in run.model.parameters())
    return Probe(seconds / num_clips, num_parameters, device_name(device), peak)


def _num_busy(concurrency: int, cpus_each: float) -> int:
    """The threads of a machine's other trials, and one for the driver, the transfer to MLflow and the next clips."""
    fitting = int(len(os.sched_getaffinity(0)) / max(1.0, cpus_each))
    return max(0, min(concurrency, fitting) - 1) * max(1, int(cpus_each)) + 1


@contextmanager
def cpu_load(num_threads: int) -> Iterator[None]:
    """Keep threads busy with convolutions, which release Python's lock while they compute."""
    done = threading.Event()

    def work() -> None:
        torch.set_num_threads(1)
        maps, kernels = torch.ones(8, 32, 32, 32), torch.ones(32, 32, 3, 3)
        while not done.is_set():
            torch.nn.functional.conv2d(maps, kernels, padding=1)

    with ThreadPoolExecutor(max(1, num_threads)) as pool:
        for _ in range(num_threads):
            pool.submit(work)
        try:
            yield
        finally:
            done.set()


def timed_steps(run: Run, num_clips: int) -> float:
    """Median seconds of a training step on ``num_clips`` clips."""
    batch = blank_batch(run.experiment, num_clips)
    seconds: list[float] = []
    steps = steps_of(run)
    for _ in range(1 + steps.warm_up):
        steps(batch)
    while sum(seconds) < ENOUGH and len(seconds) < MOST_STEPS:
        start = time.perf_counter()
        steps(batch).tolist()  # reading the result waits for the GPU
        seconds.append(time.perf_counter() - start)
    return median(seconds)


def blank_batch(experiment: Experiment, num_clips: int) -> Batch:
    """A batch of ``num_clips`` black clips, (b, t, c, h, w), with labels 0."""
    data = experiment.data
    clips = torch.zeros(num_clips, data.num_frames, data.channels, data.size, data.size, dtype=torch.uint8)
    labels = torch.zeros(num_clips, *data.label_shape, dtype=torch.int64)
    actions = torch.zeros(num_clips, data.num_frames, data.num_actions) if data.num_actions else None
    return Batch(clips, labels, [""] * num_clips, actions)
