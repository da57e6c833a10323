"""Batches of ramp clips: the middle frames of every video, each clip once an epoch.

An epoch is a permutation of all clips, from (seed, epoch). ``protocol="published"`` shows what the published loader
does, in its order, see :mod:`data.physics101.published`; test clips are mirrored, too, and serve for validation.
"""

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
from data.physics101.published import clip_of, shown
from data.physics101.schema import object_of, split_by
from data.preparing.frames import frames_of
from data.preparing.parquet import read_table
from data.stream import Device, Integers, Rows, Stream, batches
from fernn.batch import Batch
from fernn.config import RampConfig
from fernn.experiment import Split
from fernn.seeding import generator, seed_of, seeds_of


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
        self.places = {name: i for i, name in enumerate(slides.ids) if slides.lengths[i] >= data.num_frames}
        self.clips = self._published() if data.protocol == "published" else self._split()

    def _split(self) -> dict[Split, list[str]]:
        """The clips of each split."""
        splits = split_by(self.places, self.data.split)
        clips = {split: [name for name in self.places if splits[name] == split] for split in SPLITS}
        for split in SPLITS:
            if not clips[split]:
                held = f"{len(self.places)} videos of {self.data.num_frames} frames or more"
                raise DataError(f"the {split} split has no clips: the data has {held}, split by {self.data.split}")
        return clips

    def _published(self) -> dict[Split, list[str]]:
        """What the published loader shows of each split, a clip several times."""
        passes = {split: shown(split, self.batch_size) if split == "train" else shown(split) for split in SPLITS}
        named = dict.fromkeys(clip_of(entry) for entries in passes.values() for entry in entries)
        if missing := [name for name in named if name not in self.places]:
            lacking = f"{len(missing)} of {len(named)} clips are missing or too short, the first is {missing[0]}"
            raise DataError(
                f"data.protocol published needs clips of Physics 101's list: {lacking}; or --protocol default"
            )
        return passes

    def training(self, seed: int, epoch: int) -> Iterator[Batch]:
        """Training clips in the order of (seed, epoch), or as published; mirrored by (seed, epoch, clip id)."""
        names = self.clips["train"]
        flips = self._flips(names, seed, epoch)
        if self.data.protocol == "published":
            return self._batches(names, flips)
        order = generator("order", seed, epoch).permutation(len(names))
        return self._batches([names[i] for i in order], flips[order])

    def evaluation(self, split: Split, velocities: ArrayLike | None = None) -> Iterator[Batch]:
        """The split's clips as they are, or as published mirrored by (split, clip id).

        Raises DataError for ``velocities``, as objects slide by themselves.
        """
        if velocities is not None:
            raise DataError("objects on the ramp slide by themselves: no velocities can be given")
        names = self.clips[split]
        is_published = self.data.protocol == "published"
        return self._batches(names, self._flips(names, split) if is_published else np.zeros(len(names), dtype=np.int64))

    def num_clips(self, split: Split) -> int:
        """How many clips the split has."""
        return len(self.clips[split])

    def facts(self, ids: list[str]) -> dict[str, list[str]]:
        """The objects seen in the clips named by ``ids``."""
        return {"object": [object_of(name) for name in ids]}

    def _flips(self, names: list[str], *draws: int | str) -> Integers:
        """1 for each clip that is mirrored."""
        return (seeds_of("flip", *draws, each=names) & 1) * int(self.data.flip)

    def _batches(self, names: list[str], flips: Integers) -> Iterator[Batch]:
        at = np.array([self.places[clip_of(name)] for name in names])
        starts = self.content.offsets[at] + (self.content.lengths[at] - self.data.num_frames) // 2
        rows = pa.table({"place": np.arange(len(names)), "start": starts, "flip": flips})
        return batches(rows, self.batch_size, partial(self._batch, names))

    def _batch(self, names: list[str], rows: Rows) -> Batch:
        """Clips (b, t, 3, size, size); a clip's label is the seed of its noise."""
        clips = np.stack([self._clip(*values) for values in zip(rows["start"], rows["flip"], strict=True)])
        ids = [names[place] for place in rows["place"]]
        seeds = torch.tensor([seed_of("latent", name) for name in ids])
        return Batch(torch.from_numpy(np.ascontiguousarray(clips.transpose(0, 1, 4, 2, 3))), seeds, ids)

    def _clip(self, start: int, flip: int) -> NDArray[np.uint8]:
        frames = self.content.frames[start : start + self.data.num_frames]
        return frames[:, :, ::-1] if flip else frames
