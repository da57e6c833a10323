"""The CPUs and GPUs that trials hold, and that the cluster or this machine has."""

import math
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

import ray
import torch
from ray._private.state import state as cluster_state

from data.terminal import say
from tune.core.study import StudyError
from tune.planning.gpu_kind import kind_of, shares_by_memory
from tune.planning.options import Options

DEFAULT_GPUS = 0.25
"""The share of a GPU that a trial holds by default where there is a GPU."""


Share = tuple[float, float]
"""CPUs and GPUs of a trial."""
Place = tuple[str, str]
"""A model's label, and the kind of GPU that its trials are on: empty where kinds are not told apart."""


def named(place: Place) -> str:
    """The model, and the kind of GPU where kinds are told apart."""
    label, kind = place
    return f"{label} on {kind}" if kind else label


def describe_shares(shares: Mapping[str, Share]) -> str:
    """The shares in words: "0.25 of a GPU", or "0.25 of A100 or 1 of T4"."""
    return " or ".join(f"{gpus:g} of {kind or 'a GPU'}" for kind, (_, gpus) in shares.items())


@dataclass(frozen=True)
class Node:
    """The CPUs and GPUs of one machine, and the number of such machines."""

    cpus: float
    gpus: float
    count: float = 1
    kind: str = ""
    """Of its GPUs, as Ray names it: A100. Empty where it has none, or does not name it."""


@dataclass(frozen=True)
class Hardware:
    """The machines that are running, and those that an autoscaler can start."""

    alive: tuple[Node, ...]
    scaled: tuple[Node, ...] = ()

    @property
    def cpus(self) -> float:
        """The most CPUs that a search can have."""
        return max(sum(node.cpus * node.count for node in nodes if node.cpus) for nodes in (self.alive, self.scaled))

    @property
    def gpus(self) -> float:
        """The most GPUs that a search can have."""
        return max(sum(node.gpus * node.count for node in nodes if node.gpus) for nodes in (self.alive, self.scaled))

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All machines."""
        return (*self.alive, *self.scaled)

    def have(self, cpus: float, gpus: float) -> bool:
        """Whether one machine has as many."""
        return any(cpus <= node.cpus and gpus <= node.gpus for node in self.nodes)

    @property
    def named_kinds(self) -> tuple[str, ...]:
        """The names of all kinds of GPU, an empty one where a machine does not name its kind."""
        return tuple(sorted({node.kind for node in self.nodes if node.gpus}))

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of GPU to tell apart: two or more where every machine names its own, else one empty name."""
        kinds = self.named_kinds
        return kinds if len(kinds) > 1 and all(kinds) else ("",)

    def of(self, kind: str) -> Self:
        """The machines with that kind of GPU; all for the empty name."""
        alive, scaled = (
            tuple(node for node in nodes if not kind or node.gpus and node.kind == kind)
            for nodes in (self.alive, self.scaled)
        )
        return replace(self, alive=alive, scaled=scaled)


@dataclass(frozen=True)
class Resources:
    """CPUs and GPUs of one trial, and the most trials at the same time (None: as many as fit)."""

    cpus: float = 1
    gpus: float = 0
    max_concurrent: int | None = None
    by_kind: Mapping[str, float] = field(default_factory=dict)
    """GPUs of a trial on each kind of GPU, the preferred one first; empty where kinds are not told apart."""
    by_model: Mapping[str, Mapping[str, Share]] = field(default_factory=dict)
    """CPUs and GPUs of a trial of certain models, by the model's label and the kind of GPU."""
    slowdown: Mapping[Place, float] = field(default_factory=dict)
    """How many times longer a step takes beside the other trials on its GPU than alone, where measured."""

    def of(self, label: str) -> Mapping[str, Share]:
        """CPUs and GPUs of a trial of the model on each kind of GPU that has room for one."""
        by_kind = self.by_kind or {"": self.gpus}
        return self.by_model.get(label, {kind: (self.cpus, gpus) for kind, gpus in by_kind.items()})

    def has_more(self, place: Place) -> bool:
        """Whether a trial that ran out of a GPU's memory there may have more: a larger share, or another kind."""
        shares = self.of(place[0])
        return place[1] in shares and (0 < shares[place[1]][1] < 1 or len(shares) > 1)

    def widened(self, places: Collection[Place]) -> Self:
        """The resources with twice the share of a GPU for the models on those kinds, at most a whole GPU.

        A kind whose whole GPU is too small for a model is left out, unless it is the last: the preferred one stays.
        """
        by_model = {**self.by_model, **{label: dict(self.of(label)) for label, _ in places}}
        failed = [(label, kind) for label in by_model for kind in by_model[label] if (label, kind) in places]
        for label, kind in reversed(failed):
            cpus, gpus = by_model[label][kind]
            if gpus < 1 or len(by_model[label]) == 1:
                by_model[label] = {**by_model[label], kind: (cpus, min(1.0, 2 * gpus))}
            else:
                by_model[label] = {other: share for other, share in by_model[label].items() if other != kind}
        measured = {place: factor for place, factor in self.slowdown.items() if place not in places}
        return replace(self, by_model=by_model, slowdown=measured)

    def at_once(self, label: str, machines: Hardware, num_cells: int) -> dict[str, int]:
        """How many trials of the model run at the same time on each kind of GPU that is needed, at least one in all."""
        left, counts = min(num_cells, self.max_concurrent or num_cells), dict[str, int]()
        for kind, share in self.of(label).items():
            has = machines.of(kind)
            fitting = [total / each for total, each in zip((has.cpus, has.gpus), share, strict=True) if each]
            counts[kind] = int(min([left, *fitting]))
            left -= counts[kind]
        return {kind: count for kind, count in counts.items() if count} or dict.fromkeys([next(iter(counts))], 1)


def hardware() -> Hardware:
    """The machines of the cluster that Ray is connected to, or this machine where Ray is not started."""
    if not ray.is_initialized():
        return Hardware((Node(os.cpu_count() or 1, torch.cuda.device_count()),))
    config = cluster_state.get_cluster_config()  # Ray has no public function for it; its own libraries use this one
    groups = () if config is None else config.node_group_configs
    return Hardware(
        tuple(_node(node["Resources"]) for node in ray.nodes() if node["Alive"]),
        tuple(_node(group.resources, group.max_count) for group in groups if group.max_count),
    )


def _node(resources: Mapping[str, float], count: float = 1) -> Node:
    cpus, gpus = resources.get("CPU", 0), resources.get("GPU", 0)
    return Node(cpus, gpus, count if count >= 0 else math.inf, kind_of(resources) if gpus else "")


def chosen_resources(options: Options) -> Resources:
    """The resources of a trial; raises StudyError for negative numbers, and where no machine has enough."""
    machines, cluster = hardware(), options.cluster
    cpus, gpus = cluster.cpus_per_trial, cluster.gpus_per_trial
    if gpus is None or gpus == "auto":  # which measures shares later
        gpus = DEFAULT_GPUS if machines.gpus else 0.0
    for name, number in (("cpus", cpus), ("gpus", gpus)):
        if number < 0:
            raise StudyError(f"--{name}-per-trial must be 0 or more, got {number:g}")
    if not machines.have(cpus, gpus):
        kinds = dict.fromkeys(f"{node.cpus:g} CPUs and {node.gpus:g} GPUs" for node in machines.nodes)
        raise StudyError(
            f"--cpus-per-trial and --gpus-per-trial must fit on one machine, got {cpus:g} and {gpus:g}: "
            f"the cluster has or can bring machines with {'; '.join(kinds)}"
        )
    if cluster.max_concurrent is not None and cluster.max_concurrent < 1:
        raise StudyError(f"--max-concurrent must be 1 or more, got {cluster.max_concurrent}")
    return Resources(cpus, gpus, cluster.max_concurrent, _by_kind(machines, cpus, gpus, cluster.gpus_per_trial is None))


def _by_kind(machines: Hardware, cpus: float, gpus: float, by_memory: bool) -> dict[str, float]:
    """The share of each kind of GPU that has a machine for it; empty where kinds are not told apart."""
    if not gpus or not all(machines.kinds):
        if gpus and len(list(filter(None, machines.named_kinds))) > 1:
            say("not every machine with GPUs names their kind: trials take the same share of all, see docs/cluster.md")
        return {}
    shares = shares_by_memory(machines.kinds, gpus) if by_memory else dict.fromkeys(machines.kinds, gpus)
    return {kind: share for kind, share in shares.items() if machines.of(kind).have(cpus, share)}
