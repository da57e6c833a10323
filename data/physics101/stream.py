"""Batches of ramp clips: the middle frames of every video, each clip once an epoch.

The published loader ignores which clip it is asked for and counts by itself, so that with 6 workers it shows the first
52 of 311 training clips, six times an epoch each. Here an epoch is a permutation of all clips, from (seed, epoch).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import ArrayLike, NDArray

from data.data_set import SPLITS
from data.errors import DataError
from data.manifest import Manifest
from data.physics101.schema import object_of, split_by
from data.preparing.frames import frames_of
from data.preparing.parquet import read_table
from data.stream import Device, Integers, Rows, Stream, batches
from fernn.batch import Batch
from fernn.config import RampConfig
from fernn.experiment import Split
from fernn.seeding import generator, seed_of


@dataclass(frozen=True)
class Slides:
    """All prepared videos: their frames one behind the other (n, size, size, 3), and where each begins."""

    frames: NDArray[np.uint8]
    ids: tuple[str, ...]
    offsets: Integers
    lengths: Integers


def read_clips(folder: Path, manifest: Manifest) -> Slides:
    """Every video of a prepared folder."""
    table = read_table(manifest.paths(folder), columns=["id", "frames"])
    frames = frames_of(table["frames"])
    lengths = np.array([len(video) for video in frames], dtype=np.int64)
    return Slides(np.concatenate(frames), tuple(table["id"].to_pylist()), np.cumsum(lengths) - lengths, lengths)


class SlideStream(Stream):
    """The batches of one experiment: the ``Clips`` that ``fernn.train.loop.fit`` asks for."""

    def __init__(self, slides: Slides, data: RampConfig, batch_size: int, device: Device = "cpu") -> None:
        super().__init__(slides, data, batch_size, device)
        places = {name: i for i, name in enumerate(slides.ids) if slides.lengths[i] >= data.num_frames}
        splits = split_by(places, data.split)
        self.clips = {split: [name for name in places if splits[name] == split] for split in set(splits.values())}
        self.places = places
        for split in SPLITS:
            if not self.clips.get(split):
                held = f"{len(places)} videos of {data.num_frames} frames or more"
                raise DataError(f"the {split} split has no clips: the data has {held}, split by {data.split}")

    def training(self, seed: int, epoch: int) -> Iterator[Batch]:
        """Training clips in the order of (seed, epoch), mirrored by (seed, epoch, clip id)."""
        names = self.clips["train"]
        flips = (np.array([seed_of("flip", seed, epoch, name) for name in names]) & 1) * int(self.data.flip)
        order = generator("order", seed, epoch).permutation(len(names))
        return self._batches([names[i] for i in order], flips[order])

    def evaluation(self, split: Split, velocities: ArrayLike | None = None) -> Iterator[Batch]:
        """The split's clips as they are; raises DataError for ``velocities``, as objects slide by themselves."""
        if velocities is not None:
            raise DataError("objects on the ramp slide by themselves: no velocities can be given")
        return self._batches(self.clips[split], np.zeros(len(self.clips[split]), dtype=np.int64))

    def num_clips(self, split: Split) -> int:
        """How many clips the split has."""
        return len(self.clips[split])

    def facts(self, ids: list[str]) -> dict[str, list[str]]:
        """The objects seen in the clips named by ``ids``."""
        return {"object": [object_of(name) for name in ids]}

    def _batches(self, names: list[str], flips: Integers) -> Iterator[Batch]:
        at = np.array([self.places[name] for name in names])
        starts = self.content.offsets[at] + (self.content.lengths[at] - self.data.num_frames) // 2
        return batches(pa.table({"clip": at, "start": starts, "flip": flips}), self.batch_size, self._batch)

    def _batch(self, rows: Rows) -> Batch:
        """Clips (b, t, 3, size, size); a clip's label is the seed of its noise."""
        clips = np.stack([self._clip(*values) for values in zip(rows["start"], rows["flip"], strict=True)])
        ids = [self.content.ids[clip] for clip in rows["clip"]]
        seeds = torch.tensor([seed_of("latent", name) for name in ids])
        return Batch(torch.from_numpy(np.ascontiguousarray(clips.transpose(0, 1, 4, 2, 3))), seeds, ids)

    def _clip(self, start: int, flip: int) -> NDArray[np.uint8]:
        frames = self.content.frames[start : start + self.data.num_frames]
        return frames[:, :, ::-1] if flip else frames
