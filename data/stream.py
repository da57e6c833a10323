"""Batches streamed by Ray Data: deterministic, in the order given, never waiting for a CPU.

An epoch is a table of small rows, one a clip. Ray Data's iterator cuts their places into batches; while the step
before runs, a collate function makes the clips that the rows name. No Ray task is started, so a trial that streams
never waits for a CPU that another one holds.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import ray
import ray.data
import torch
from numpy.typing import ArrayLike, NDArray
from ray.data.block import BlockAccessor
from ray.data.collate_fn import NumpyBatchCollateFn

from fernn.batch import Batch
from fernn.experiment import Split

Rows = dict[str, NDArray[Any]]
"""Some rows of a table, column by column."""
Integers = NDArray[np.int64]
Device = torch.device | str


class Stream(ABC):
    """The batches of one experiment: the ``Clips`` that ``fernn.train.loop.fit`` asks for, and more."""

    def __init__(self, content: Any, data: Any, batch_size: int, device: Device = "cpu") -> None:
        self.content, self.data, self.batch_size, self.device = content, data, batch_size, device

    @abstractmethod
    def training(self, seed: int, epoch: int) -> Iterator[Batch]:
        """The epoch's shuffled training batches: the same for the same seed and epoch."""

    @abstractmethod
    def evaluation(self, split: Split, velocities: ArrayLike | None = None) -> Iterator[Batch]:
        """The split's fixed clips in a fixed order; ``velocities`` replaces their own."""

    def velocities(self, split: Split, velocity_range: int) -> NDArray[Any]:
        """One velocity for each of the split's clips, drawn from V_velocity_range: (n, k); k is 0 where none can be."""
        return np.zeros((self.num_clips(split), 0))

    @abstractmethod
    def num_clips(self, split: Split) -> int:
        """How many clips the split has."""

    def facts(self, ids: list[str]) -> dict[str, list[Any]]:
        """What else is known of the clips named by ``ids``, by column; nothing beyond their names by default."""
        return {}


@dataclass(frozen=True)
class Corpus:
    """Prepared data in memory, which trials share without copying it, and the class of its streams."""

    content: Any
    kind: Callable[..., Stream]

    def stream(self, data: Any, batch_size: int, device: Device = "cpu") -> Stream:
        """The data's batches, made on ``device`` where that is faster; DataError where a split has none."""
        return self.kind(self.content, data, batch_size, device)


class _Collate(NumpyBatchCollateFn):
    """What makes a batch of rows, as the class that Ray Data wants: called with the rows' places, one after another."""

    def __init__(self, rows: Rows, make: Callable[[Rows], Batch]) -> None:
        self.rows, self.make = rows, make

    def __call__(self, places: Rows) -> Batch:  # type: ignore[override]
        first, last = places["place"][[0, -1]]
        return self.make({name: column[first : last + 1] for name, column in self.rows.items()})


def batches(rows: pa.Table, batch_size: int, make: Callable[[Rows], Batch]) -> Iterator[Batch]:
    """The rows in their order, as the batches that ``make`` makes of so many of them, column by column.

    No progress bar or log line is printed for every epoch.
    """
    context = ray.data.DataContext.get_current()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    collate = _Collate(BlockAccessor.for_block(rows).to_batch_format("numpy"), make)
    session = ray.get_runtime_context()
    data = places(len(rows), session.get_node_id(), session.get_job_id())
    return iter(data.iter_torch_batches(batch_size=batch_size, collate_fn=collate, prefetch_batches=2))


@lru_cache(maxsize=16)
def places(count: int, node: str, job: str) -> Any:
    """0 up to ``count`` as data that Ray keeps for the job: over kept data an epoch starts without Ray's executor."""
    return ray.data.from_blocks([pa.table({"place": np.arange(count)})]).materialize()
