"""The number of trials that share a GPU, or the CPUs of a trial where there is no GPU, measured before the search.

For each model 1, 2, 4, ... training processes run side by side for two seconds, up to 8 on one GPU, or one for each CPU
of a machine. Of the numbers that leave a tenth of the memory free, the one with the most clips a second is chosen. On a
GPU each process holds its data set's frames there as a trial does, once these are prepared. Each kind is measured. The
study's folder holds the readings in ``packing.json``.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any

import ray
import torch
from ray._common.utils import get_system_memory
from ray.exceptions import GetTimeoutError, OutOfMemoryError, RayError
from ray.util.placement_group import placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from data.stream import Corpus
from data.terminal import say
from fernn.experiment import Experiment
from fernn.train.graph import WARM_UP
from fernn.train.loop import steps_of
from fernn.train.run import Run, available_device
from tune.core.study import Cell, Study, StudyError, key_of
from tune.engine.cost import PATIENCE, NoMachineError, blank_batch, probe, probe_of
from tune.engine.machine import peak_memory
from tune.engine.ray_tune import ship_models
from tune.engine.trial import is_out_of_memory
from tune.planning.gpu_kind import KIND, kind_of, on_kind
from tune.planning.resources import Hardware, Place, Resources, Share, hardware, named

FILE = "packing.json"
WAY_OUT = "delete it, and run the search again, which measures how models pack"
COUNTS = (1, 2, 4, 8, 16, 32, 64)
MOST_ON_A_GPU = 8
MOST_MEMORY = 0.9
"""The share of memory that trials may use; the rest must stay free."""
ALIKE = 0.98
"""Fewer trials are chosen if they reach this share of the largest number of clips a second."""
CPU = torch.device("cpu")
SECONDS, WARM_UP_STEPS = 2.0, 2 + WARM_UP
"""Duration of a measurement, and the steps before it: they allocate memory, choose algorithms and record a graph."""


@dataclass(frozen=True)
class Reading:
    """The measured speed and memory of a number of trials of one model side by side."""

    trials: int
    cpus: float
    """CPUs of each trial."""
    gpus: float
    """GPUs of each trial."""
    clips_per_second: float
    """Training clips a second of all trials together."""
    memory: float
    """The share of the GPU's or the machine's memory that all trials use together."""


Layout = tuple[int, float, float]
"""A number of trials, the CPUs of each, and the share of a GPU of each."""
Packing = Mapping[Place, Sequence[Reading]]
"""The readings of every model on each kind of GPU; none where not one trial of the model fits."""


def pack(study: Study, resources: Resources, keep: bool, corpus: Corpus | None = None) -> Packing:
    """The readings of the missing cells' models, from the study's folder if made on this hardware, else measured.

    ``keep``: write them into the study's folder. ``corpus``: the prepared clips, whose frames count on a GPU; None
    where there is none, or where they are not prepared yet. Raises StudyError for a model of which not one trial fits.
    """
    ship_models(cells := study.missing())
    clips = None if corpus is None else ray.put(corpus)
    stored = study.folder.read_sealed(FILE, WAY_OUT) or {}
    kinds = {kind: layouts(resources, hardware(), len(study.cells), kind) for kind in resources.by_kind or ("",)}
    packing: dict[Place, Sequence[Reading]] = {}
    asked = set[Place]()
    for cell, (kind, possible) in product(cells, kinds.items()):
        place, subject = (study.model_label(cell), kind), digest(cell, possible, kind, with_frames=clips is not None)
        if place in asked:
            continue
        asked.add(place)
        if stored.get(name := named(place), {}).get("subject") != subject:
            say(f"measuring how {name} packs")
            stored.pop(name, None)
            if (readings := measured_where_free(cell, possible, clips, place)) is not None:
                stored[name] = {"subject": subject, "readings": [asdict(reading) for reading in readings]}
        if name in stored:
            packing[place] = [Reading(**reading) for reading in stored[name]["readings"]]
        if keep:
            study.folder.write_sealed(FILE, stored)
        if kind == list(kinds)[-1]:
            check_fit(place[0], packing)
    return packing


def measured_where_free(cell: Cell, possible: Sequence[Layout], clips: Any, place: Place) -> list[Reading] | None:
    """The readings of the cell's model on a kind of GPU; None where no machine with it becomes free, which is said."""
    try:
        return measure(probe_of(cell.experiment), possible, clips, place[1])
    except NoMachineError as error:
        say(f"{error}: {named(place)} is not measured, and gets no trial there")
        return None


def digest(cell: Cell, possible: Sequence[Layout], kind: str, with_frames: bool) -> str:
    """Twelve hexadecimal digits for all that the readings depend on: model, code, layouts, kinds of GPU, and frames."""
    kinds = [f"{KIND}{name}" for name in ([kind] if kind else gpu_kinds())]
    subject = [probe_of(cell.experiment).flatten(for_record=True), cell.config().get("model_source"), possible, kinds]
    return key_of([*subject, *([cell.data_hash] if with_frames else [])])


def gpu_kinds() -> list[str]:
    """The kinds of GPU in the cluster, as Ray names them: A100."""
    return sorted(kind for name in ray.cluster_resources() if (kind := kind_of([name])))


def best(readings: Sequence[Reading]) -> Reading | None:
    """The reading to choose, None where none fits."""
    fitting = [reading for reading in readings if reading.memory <= MOST_MEMORY]
    fastest = max((reading.clips_per_second for reading in fitting), default=0.0)
    return next((reading for reading in fitting if reading.clips_per_second >= ALIKE * fastest), None)


def chosen(packing: Packing) -> dict[Place, Reading]:
    """The readings to choose, without the kinds of GPU on which the model does not fit; the kind with the
    fastest trials first."""
    found = {place: reading for place, readings in packing.items() if (reading := best(readings)) is not None}
    return dict(sorted(found.items(), key=lambda item: -item[1].clips_per_second / item[1].trials))


def check_fit(label: str, packing: Packing) -> None:
    """Raises StudyError where no machine was free to measure the model, or not one trial fits on any kind of GPU."""
    if all(measured != label for measured, _ in packing):
        raise StudyError(
            f"no machine was free to measure {label} on: wait for what runs there, or give --gpus-per-trial a number"
        )
    if label not in {fitting for fitting, _ in chosen(packing)}:
        raise StudyError(
            f"one trial of {label} leaves less than {1 - MOST_MEMORY:.0%} of the memory free: take a smaller batch_size"
        )


def packed(resources: Resources, packing: Packing) -> Resources:
    """The resources of each model's trials by the chosen readings, and how they slow each other down on a GPU."""
    found, shares = chosen(packing), dict[str, dict[str, Share]]()
    for (label, kind), reading in found.items():
        shares.setdefault(label, {})[kind] = reading.cpus, reading.gpus
    slower = {place: slowdown(packing[place][0], reading) for place, reading in found.items() if reading.gpus}
    return replace(resources, by_model=shares, slowdown=slower)


def slowdown(alone: Reading, together: Reading) -> float:
    """How many times longer a step takes in the second reading than in that of one trial, at least 1."""
    return max(1.0, together.trials * alone.clips_per_second / together.clips_per_second)


def measure(experiment: Experiment, possible: Sequence[Layout], clips: Any = None, kind: str = "") -> list[Reading]:
    """The readings of more and more trials side by side on a kind of GPU, as long as enough memory stays free.

    ``clips``: a reference to the corpus in Ray's object store, or None.
    """
    readings: list[Reading] = []
    for trials, cpus, gpus in possible:
        if readings and trials / readings[-1].trials * readings[-1].memory > MOST_MEMORY:
            break
        if (reading := side_by_side(experiment, (trials, cpus, gpus), clips, kind)) is None:
            break
        readings.append(reading)
    return readings


def layouts(resources: Resources, hardware: Hardware, num_cells: int, kind: str = "") -> list[Layout]:
    """The layouts to measure on machines with that kind of GPU, with no more trials than there are cells for.

    With GPUs, no more trials than a GPU's part of the CPUs allows; without, layouts of the smallest machine, which
    every machine can run. Raises StudyError where no machine has CPUs.
    """
    nodes = [node for node in hardware.of(kind).nodes if node.cpus]
    if not nodes:
        raise StudyError("--gpus-per-trial auto needs a machine with CPUs, and the cluster has none")
    gpus, held = hardware.gpus, resources.cpus
    cpus = min(node.cpus / node.gpus for node in nodes if node.gpus) if gpus else min(node.cpus for node in nodes)
    most = max(1, num_cells / (gpus or len(nodes)))
    counts = [n for n in COUNTS if n < 2 * most]
    if gpus:
        return [(n, held, 1 / n) for n in counts if n <= MOST_ON_A_GPU and (n == 1 or n * held <= cpus)]
    return [(n, float(max(1, cpus // n)), 0.0) for n in counts if n <= max(1, cpus)]


def side_by_side(experiment: Experiment, layout: Layout, clips: Any = None, kind: str = "") -> Reading | None:
    """The reading of the layout on one machine, arguments as in :func:`measure`; None where memory runs out."""
    trials, cpus, gpus = layout
    place = placement_group([{"CPU": trials * cpus, **on_kind(kind)} | ({"GPU": trials * gpus} if gpus else {})])
    actor: Any = ray.remote(Prober)
    actor = actor.options(num_cpus=cpus, num_gpus=gpus, scheduling_strategy=PlacementGroupSchedulingStrategy(place))
    try:
        ray.get(place.ready(), timeout=PATIENCE)
        probers = [actor.remote(experiment, cpus, clips) for _ in range(trials)]
        ray.get([prober.warm_up.remote() for prober in probers])
        rates = ray.get([prober.work.remote(SECONDS) for prober in probers])
        memory = [ray.get(prober.memory.remote()) for prober in probers]
    except GetTimeoutError as error:
        wanted = f"{trials * cpus:g} CPUs" + (f" and a GPU{kind and f' ({kind})'}" if gpus else "")
        what = experiment.model.name
        raise NoMachineError(f"no machine had {wanted} free for {PATIENCE:.0f} s to measure {what} on") from error
    except RayError as error:
        if isinstance(error, OutOfMemoryError) or is_out_of_memory(error):
            return None
        reason = str(error).strip().splitlines()[-1].strip()
        raise StudyError(f"model {experiment.model.name!r} fails in training: {reason}") from error
    finally:
        remove_placement_group(place)  # which ends the processes in it
    return Reading(trials, cpus, gpus, sum(rates), max(memory) if gpus else sum(memory))


class Prober:
    """A training process like a trial's, on black clips, beside the frames that a trial puts on its GPU."""

    def __init__(self, experiment: Experiment, cpus: float, corpus: Corpus | None = None) -> None:
        torch.set_num_threads(max(1, int(cpus)))
        self.experiment, self.before = experiment, peak_memory(CPU)
        self.run = Run.start(experiment, available_device())
        if corpus is not None and self.run.device.type == "cuda":
            self.clips = corpus.stream(experiment.data, experiment.batch_size, self.run.device)
        self.num_clips = experiment.batch_size
        if self.run.device.type == "cpu":  # a second's work is enough
            self.num_clips = max(2, min(self.num_clips, int(1 / probe(experiment, cpus, load=None)[0])))
        self.batch, self.steps = blank_batch(experiment, self.num_clips), steps_of(self.run)

    def warm_up(self) -> None:
        """Train until steps take what they take, and on a shorter batch, which needs memory beside that of a graph."""
        self.work(0, WARM_UP_STEPS)
        if self.run.device.type == "cuda" and self.num_clips > 1:
            self.steps(self.batch.first(self.num_clips - 1)).tolist()

    def work(self, seconds: float, least_steps: int = 1) -> float:
        """Train for ``seconds``, and at least that number of steps; clips a second."""
        start, steps = time.perf_counter(), 0
        while steps < least_steps or time.perf_counter() - start < seconds:
            self.steps(self.batch).tolist()
            steps += 1
        return steps * self.num_clips / (time.perf_counter() - start)

    def memory(self) -> float:
        """The used share of the GPU's memory by all processes, or of the machine's by this one with a whole batch."""
        if self.run.device.type == "cuda":
            free, total = torch.cuda.mem_get_info()
            return 1 - free / total
        grown = (peak_memory(CPU) - self.before) * self.experiment.batch_size / self.num_clips
        return (self.before + grown) / get_system_memory()


def readings(packing: Packing) -> list[dict[str, Any]]:
    """The facts of every reading, and whether it is the chosen one."""
    found = chosen(packing)
    return [
        {"model": label, "kind": kind or None, **asdict(reading), "chosen": reading == found.get((label, kind))}
        for (label, kind), readings in packing.items()
        for reading in readings
    ]
