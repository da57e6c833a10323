"""The CPUs and GPUs that trials hold, and that the cluster or this machine has."""

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

import ray
import torch
from ray._private.state import state as cluster_state

from tune.core.study import StudyError
from tune.planning.options import Options

DEFAULT_GPUS = 0.25
"""The share of a GPU that a trial holds by default where there is a GPU."""


@dataclass(frozen=True)
class Node:
    """The CPUs and GPUs of one machine, and the number of such machines."""

    cpus: float
    gpus: float
    count: float = 1


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


@dataclass(frozen=True)
class Resources:
    """CPUs and GPUs of one trial, and the most trials at the same time (None: as many as fit)."""

    cpus: float = 1
    gpus: float = 0
    max_concurrent: int | None = None
    by_model: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """CPUs and GPUs of a trial of certain models, by the model's label."""
    slowdown: Mapping[str, float] = field(default_factory=dict)
    """How many times longer a step takes beside the other trials on its GPU than alone, by label, where measured."""

    def of(self, label: str) -> tuple[float, float]:
        """CPUs and GPUs of a trial of the model."""
        return self.by_model.get(label, (self.cpus, self.gpus))

    def widened(self, labels: Iterable[str]) -> Self:
        """The resources with twice the share of a GPU for the models, at most a whole GPU."""
        shares = {label: (self.of(label)[0], min(1.0, 2 * self.of(label)[1])) for label in labels}
        measured = {label: factor for label, factor in self.slowdown.items() if label not in shares}
        return replace(self, by_model={**self.by_model, **shares}, slowdown=measured)

    def at_once(self, label: str, machines: Hardware, num_cells: int) -> int:
        """How many trials of the model run at the same time."""
        held = zip((machines.cpus, machines.gpus), self.of(label), strict=True)
        fitting = [total / share for total, share in held if share]
        return max(1, int(min(num_cells, self.max_concurrent or num_cells, *fitting)))


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
    return Node(resources.get("CPU", 0), resources.get("GPU", 0), count if count >= 0 else math.inf)


def chosen_resources(options: Options) -> Resources:
    """The resources of a trial; raises StudyError for negative numbers, and where no machine has enough."""
    machines, cluster = hardware(), options.cluster
    cpus, gpus = cluster.cpus_per_trial, cluster.gpus_per_trial
    if gpus is None or gpus == "auto":  # which measures shares later
        gpus = DEFAULT_GPUS if machines.gpus else 0.0
    for name, number in (("cpus", cpus), ("gpus", gpus)):
        if number < 0:
            raise StudyError(f"--{name}-per-trial must be 0 or more, got {number:g}")
    nodes = (*machines.alive, *machines.scaled)
    if not any(cpus <= node.cpus and gpus <= node.gpus for node in nodes):
        kinds = dict.fromkeys(f"{node.cpus:g} CPUs and {node.gpus:g} GPUs" for node in nodes)
        raise StudyError(
            f"--cpus-per-trial and --gpus-per-trial must fit on one machine, got {cpus:g} and {gpus:g}: "
            f"the cluster has or can bring machines with {'; '.join(kinds)}"
        )
    if cluster.max_concurrent is not None and cluster.max_concurrent < 1:
        raise StudyError(f"--max-concurrent must be 1 or more, got {cluster.max_concurrent}")
    return Resources(cpus, gpus, cluster.max_concurrent)
