"""Kinds of GPU on a cluster: their names, how to ask for one, and the share of each by its memory."""

from collections.abc import Collection, Iterable, Mapping

import ray
from ray._private.thirdparty import pynvml  # by which Ray itself names a GPU's kind
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from data.terminal import say

KIND = "accelerator_type:"
"""What Ray puts before a kind of GPU to name a node's resource."""
PART = 0.001
"""What is asked for of that resource, of which each node has 1."""
PATIENCE = 120.0
"""Seconds that a machine has to say its GPUs' memory; it may have to start a process."""
ABOUT = 0.9
"""The part of the memory wanted that is enough: GPUs sold with the same memory report a few percent more or less."""


def kind_of(resources: Iterable[str]) -> str:
    """The kind of GPU that the names of resources tell, as Ray names it: A100. Empty where they do not."""
    names = [name.removeprefix(KIND) for name in resources if name.startswith(KIND)]
    return names[0].partition("_group_")[0] if names else ""  # a placement group adds that suffix


def on_kind(kind: str) -> dict[str, float]:
    """What is asked for to be on that kind of GPU; nothing for the empty name."""
    return {f"{KIND}{kind}": PART} if kind else {}


def shares_by_memory(kinds: Collection[str], default: float) -> dict[str, float]:
    """The share of each kind of GPU on the cluster that Ray is connected to, the most memory first."""
    memory = memory_by_kind()
    if unknown := [kind for kind in kinds if not memory.get(kind)]:
        say(f"the memory of {' and '.join(unknown)} is not known: trials take {default:g} of a GPU there")
    largest = max(memory.values(), default=0)
    ordered = sorted(kinds, key=lambda kind: (-memory.get(kind, 0), kind))
    return {kind: share_for(memory.get(kind, 0), largest, default) for kind in ordered}


def share_for(memory: float, largest: float, default: float) -> float:
    """The default doubled until a trial has as much memory as by default on the largest GPU, at most a whole GPU.

    The default where the memory is not known, which is 0 then.
    """
    share = default
    while memory and share < 1 and share * memory < ABOUT * default * largest:
        share = min(1.0, 2 * share)
    return share


def memory_by_kind() -> Mapping[str, int]:
    """Bytes of a GPU of each kind, of its smallest GPU on the machines that run; 0 where they cannot be read.

    Each machine is asked by a task that holds no part of a GPU, so that it does not wait for trials.
    """
    nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("GPU")]
    task = ray.remote(num_cpus=0)(smallest_memory)
    there = [NodeAffinitySchedulingStrategy(node["NodeID"], soft=False) for node in nodes]
    asked = {
        task.options(scheduling_strategy=place).remote(): kind_of(node["Resources"])
        for place, node in zip(there, nodes, strict=True)
    }
    answered, _ = ray.wait(list(asked), num_returns=len(asked), timeout=PATIENCE)
    found: dict[str, int] = {}
    for answer in answered:
        try:
            memory = ray.get(answer)
        except RayError:  # the machine was lost
            continue
        kind = asked[answer]
        found[kind] = min(memory, found.get(kind, memory))
    return found


def smallest_memory() -> int:
    """Bytes of the smallest GPU of this machine, 0 where NVIDIA's library does not say."""
    try:
        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
        return min((pynvml.nvmlDeviceGetMemoryInfo(handle).total for handle in handles), default=0)
    except pynvml.NVMLError:
        return 0
