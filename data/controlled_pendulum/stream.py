"""Batches of the controlled pendulum's episodes, with their torques."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import ArrayLike, NDArray

from data.data_set import SPLITS
from data.errors import DataError
from data.manifest import Manifest
from data.preparing.frames import frames_of
from data.preparing.parquet import read_table
from data.stream import Integers, Rows, Stream, batches
from fernn.batch import Batch
from fernn.experiment import Split
from fernn.seeding import generator, seed_of


@dataclass(frozen=True)
class Episodes:
    """A split's frames (n, t, size, size, 3) and torques (n, t)."""

    frames: NDArray[np.uint8]
    torques: NDArray[np.float32]


def read_episodes(folder: Path, manifest: Manifest) -> dict[Split, Episodes]:
    """The episodes of every split of a prepared folder, in their order."""
    table = read_table(manifest.paths(folder), columns=["split", "torques", "frames"])
    splits, frames = np.array(table["split"].to_pylist()), np.stack(frames_of(table["frames"]))
    torques = np.array(table["torques"].to_pylist(), dtype=np.float32)
    return {split: Episodes(frames[splits == split], torques[splits == split]) for split in SPLITS}


class EpisodeStream(Stream):
    """The batches of one experiment: the ``Clips`` that ``fernn.train.loop.fit`` asks for."""

    content: dict[Split, Episodes]

    def training(self, seed: int, epoch: int) -> Iterator[Batch]:
        """The training episodes in the order of (seed, epoch)."""
        return self._batches("train", generator("order", seed, epoch).permutation(self.num_clips("train")))

    def evaluation(self, split: Split, velocities: ArrayLike | None = None) -> Iterator[Batch]:
        """The split's episodes; raises DataError for ``velocities``, as a pendulum swings by itself."""
        if velocities is not None:
            raise DataError("a pendulum swings by itself: no velocities can be given")
        return self._batches(split, np.arange(self.num_clips(split)))

    def num_clips(self, split: Split) -> int:
        """How many episodes the split has."""
        return len(self.content[split].frames)

    def _batches(self, split: Split, order: Integers) -> Iterator[Batch]:
        return batches(pa.table({"episode": order}), self.batch_size, partial(chosen, self.content[split], split))


def chosen(episodes: Episodes, split: Split, rows: Rows) -> Batch:
    """Clips (b, t, 3, size, size) and actions (b, t, 1), N m; a clip's label is the seed of its latent draws."""
    index = rows["episode"]
    ids = [f"{split}-{number}" for number in index]
    frames = torch.from_numpy(np.ascontiguousarray(episodes.frames[index].transpose(0, 1, 4, 2, 3)))
    seeds = torch.tensor([seed_of("latent", name) for name in ids])
    return Batch(frames, seeds, ids, torch.from_numpy(episodes.torques[index][..., None]))
