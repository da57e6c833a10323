"""Batches of trajectories: in training all of them, several times an epoch, each time in another order."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import ArrayLike, NDArray

from data.data_set import SPLITS
from data.errors import DataError
from data.manifest import Manifest
from data.preparing.parquet import read_table
from data.stream import Rows, Stream, batches
from data.systems.dynamics import States
from data.systems.prepare import NUMBERS
from fernn.batch import Batch
from fernn.config import StatesConfig
from fernn.experiment import Split
from fernn.seeding import generator


def read_trajectories(folder: Path, manifest: Manifest) -> dict[Split, States]:
    """The trajectories (n, t, k) of every split of a prepared folder: of each state q and p, and what else is there."""
    table = pa.concat_tables(read_table(path) for path in manifest.paths(folder)).to_pydict()
    by_split: dict[Split, list[States]] = {split: [] for split in SPLITS}
    for split, states in zip(table["split"], table["states"], strict=True):
        by_split[split].append(np.array(states).reshape(-1, manifest.details.get(NUMBERS, 2)))
    return {split: np.stack(sequences) for split, sequences in by_split.items()}


class StateStream(Stream):
    """The batches of one experiment: the ``Clips`` that ``fernn.train.loop.fit`` asks for."""

    content: dict[Split, States]
    data: StatesConfig

    def training(self, seed: int, epoch: int) -> Iterator[Batch]:
        """The training trajectories, ``passes`` times, each time in an order of (seed, epoch, pass)."""
        count = len(self.content["train"])
        orders = [generator("order", seed, epoch, turn).permutation(count) for turn in range(self.data.passes)]
        return self._batches("train", np.concatenate(orders))

    def evaluation(self, split: Split, velocities: ArrayLike | None = None) -> Iterator[Batch]:
        """The split's trajectories; raises DataError for ``velocities``, as states are not set in motion."""
        if velocities is not None:
            raise DataError(f"states of {self.data.name} move by themselves: no velocities can be given")
        return self._batches(split, np.arange(len(self.content[split])))

    def num_clips(self, split: Split) -> int:
        """How many sequences an epoch of the split has."""
        return len(self.content[split]) * (self.data.passes if split == "train" else 1)

    def _batches(self, split: Split, order: NDArray[np.int64]) -> Iterator[Batch]:
        make = partial(sequences, self.content[split], split)
        return batches(pa.table({"index": order}), self.batch_size, make)


def sequences(states: States, split: Split, rows: Rows) -> Batch:
    """Sequences (b, t, 2, 1, 1) of the split by number; labels: what else is known of them, or the numbers."""
    index = rows["index"]
    chosen = torch.from_numpy(states[index].astype(np.float32))
    labels = chosen[..., 2:] if states.shape[-1] > 2 else torch.from_numpy(index.copy())
    return Batch(chosen[..., :2, None, None], labels, [f"{split}-{number}" for number in index])
