"""Flowed clips: an epoch's rows name frames of prepared videos, and the flow and the mirror are in the gather.

Prepared clips are read once, in the driver. Trials share their frames as one array without copying
(:class:`Footage` is passed through Ray's object store); a trial on a GPU puts them there and gathers on the GPU.
"""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from data.data_set import SPLITS
from data.errors import DataError
from data.kth.schema import split_of
from data.manifest import Manifest
from data.preparing.frames import frames_of
from data.preparing.parquet import read_table
from data.stream import Device, Integers, Rows, Stream, batches
from fernn.batch import Batch
from fernn.experiment import Split
from fernn.flows.translation import source_pixels
from fernn.seeding import generator, seeds_of

MOST_ON_DEVICE = 2**30
"""Bytes of frames that a trial copies to its GPU (all of KTH at 32x32 has 0.3 GB); of more, batches are copied."""


@dataclass(frozen=True)
class Footage:
    """All prepared frames (n, h, w) as one uint8 array, and for every clip where its frames lie in it."""

    frames: NDArray[np.uint8]
    ids: tuple[str, ...]
    persons: Integers
    labels: Integers
    offsets: Integers
    num_frames: Integers
    num_annotated: Integers
    """Frames inside the annotated range; ``num_frames`` may be one more (see data/kth/schema.py)."""

    def rows(self, clips: Integers, firsts: Integers, velocities: Integers, flips: Integers) -> pa.Table:
        """What ``_gather`` reads: one row for each of the clips, from its frame ``firsts`` on."""
        labels, starts, (vy, vx) = self.labels[clips], self.offsets[clips] + firsts, velocities.T
        return pa.table({"clip": clips, "label": labels, "start": starts, "vy": vy, "vx": vx, "flip": flips})


def read_footage(folder: Path, manifest: Manifest) -> Footage:
    """Every clip of a prepared folder."""
    columns = ["id", "person", "label", "first", "last", "frames"]
    table = read_table(manifest.paths(folder), columns=columns)
    frames = frames_of(table["frames"])
    num_frames = np.array([len(part) for part in frames])
    persons, labels, firsts, lasts = (table[name].to_numpy().astype(np.int64) for name in columns[1:5])
    return Footage(
        frames=np.concatenate(frames),
        ids=tuple(table["id"].to_pylist()),
        persons=persons,
        labels=labels,
        offsets=np.cumsum(num_frames) - num_frames,
        num_frames=num_frames,
        num_annotated=lasts - firsts + 1,
    )


@dataclass(frozen=True)
class SplitClips:
    """The clips of a split: their ranges by position, from which frame on each may start, and how it moves (n, 2)."""

    names: NDArray[np.object_]
    ranges: Integers
    firsts: Integers
    num_starts: Integers
    velocities: Integers

    def __len__(self) -> int:
        return len(self.names)

    def take(self, index: Integers) -> "SplitClips":
        """Those of the index, in its order."""
        return SplitClips(*(values[index] for values in vars(self).values()))


class ClipStream(Stream):
    """The batches of one experiment: the ``Clips`` that ``fernn.train.loop.fit`` asks for."""

    def __init__(self, footage: Footage, data: Any, batch_size: int, device: Device = "cpu") -> None:
        super().__init__(footage, data, batch_size, device)
        self._splits = {split: self._clips_of(split) for split in SPLITS}
        with warnings.catch_warnings():  # they may lie in memory that cannot be written, and are only read
            warnings.simplefilter("ignore", UserWarning)
            frames = torch.from_numpy(footage.frames)
        self._frames = frames.to(device if footage.frames.nbytes <= MOST_ON_DEVICE else "cpu")

    def training(self, seed: int, epoch: int) -> Iterator[Batch]:
        """Training clips in the order of (seed, epoch), starts and mirrors from (seed, epoch, clip id)."""
        clips = self._splits["train"]
        draws = seeds_of("clip-start", seed, epoch, each=clips.names)
        flips = (seeds_of("flip", seed, epoch, each=clips.names) & 1) * int(self.data.flip)
        order = generator("order", seed, epoch).permutation(len(clips))
        rows = self.content.rows(clips.ranges, clips.firsts + draws % clips.num_starts, clips.velocities, flips)
        return batches(rows.take(order), self.batch_size, self._gather)

    def evaluation(self, split: Split, velocities: ArrayLike | None = None) -> Iterator[Batch]:
        """The split's clips in the order of the annotation, each from the middle of its range.

        ``velocities`` replaces the clips' own: one (vy, vx) for all, or (n, 2) with one for each clip,
        in pixels per frame, positive down and right.
        """
        clips = self._moving(split, velocities)
        middle = clips.firsts + (clips.num_starts - 1) // 2
        rows = self.content.rows(clips.ranges, middle, clips.velocities, np.zeros_like(middle))
        return batches(rows, self.batch_size, self._gather)

    def velocities(self, split: Split, velocity_range: int) -> Integers:
        """The (vy, vx) that the split's clips would have if the data's velocity range were this one: (n, 2)."""
        return clip_velocities(self._splits[split].names, self.data.moving(velocity_range), split)

    def num_clips(self, split: Split) -> int:
        """How many clips the split has."""
        return len(self._splits[split])

    def facts(self, ids: list[str]) -> dict[str, list[int]]:
        """The persons seen in the clips named by ``ids``."""
        persons = dict(zip(self.content.ids, self.content.persons.tolist(), strict=True))
        return {"person": [persons[name.partition("+")[0]] for name in ids]}

    def _moving(self, split: Split, velocities: ArrayLike | None) -> SplitClips:
        clips = self._splits[split]
        given = clips.velocities if velocities is None else np.broadcast_to(velocities, clips.velocities.shape)
        return replace(clips, velocities=given)

    def _clips_of(self, split: Split) -> SplitClips:
        """The split's ranges that are long enough, as the protocol reads the annotation."""
        footage, data, published = self.content, self.data, self.data.protocol == "published"
        usable = footage.num_frames - 1 if published else np.minimum(footage.num_frames, footage.num_annotated)
        ranges = np.flatnonzero(usable >= data.span)
        if data.split == "random":
            ranges = random_part(ranges, data.split_seed, split)
            in_split = np.full(len(usable), len(ranges) > 0)
        else:
            in_split = np.array([split_of(int(person), data.split) == split for person in footage.persons])
            ranges = ranges[in_split[ranges]]
        if not in_split.any():
            raise DataError(f"the {split} split has no clips: the data must hold videos of its persons")
        if not len(ranges):
            longest = usable[in_split].max()
            raise DataError(f"a clip needs {data.span} frames, the longest range of the {split} split has {longest}")
        names = np.array(footage.ids, dtype=object)[ranges]
        firsts = np.full_like(ranges, published)  # the published code takes the 1-based annotation for 0-based
        return SplitClips(
            names, ranges, firsts, usable[ranges] - data.span + 1, clip_velocities(names, data.in_split(split), split)
        )

    def _gather(self, rows: Rows) -> Batch:
        """The frames that rows of clip, label, start, vy, vx and flip name, set in motion, then mirrored."""
        names = ("start", "vy", "vx", "flip")
        start, vy, vx, flip = (self._placed(rows[name]) for name in names)
        clips = self._moved(start, torch.stack([vy, vx], dim=1), flip == 1)
        ids = [self.content.ids[clip] for clip in rows["clip"]]
        return Batch(clips[:, :, None], torch.from_numpy(rows["label"].copy()), ids)

    def _placed(self, column: NDArray[Any]) -> Tensor:
        """A column where the frames are; the host does not wait for it."""
        return torch.from_numpy(column.copy()).to(self._frames.device, non_blocking=True)

    def _moved(self, start: Tensor, velocities: Tensor, mirrored: Tensor) -> Tensor:
        """Clips (b, t, h, w) by one look-up: every pixel's place among all pixels."""
        height, width = self._frames.shape[1:]
        lines, columns = source_pixels(velocities, self.data.num_frames, height, width)
        columns = torch.where(mirrored[:, None, None], columns.flip(-1), columns)
        steps = self.data.frame_step * torch.arange(self.data.num_frames, device=start.device)
        lines = lines * width + ((start[:, None] + steps) * height * width)[..., None]
        small = torch.int32 if self._frames.numel() <= torch.iinfo(torch.int32).max else torch.int64
        places = lines.to(small)[..., None] + columns.to(small)[..., None, :]
        return self._frames.view(-1).index_select(0, places.view(-1)).view(places.shape)


def random_part(ranges: Integers, seed: int, split: Split) -> Integers:
    """A part of the published code's random split: 70 % of the ranges train, 15 % validate, the others test."""
    shuffled = ranges.copy()
    np.random.RandomState(seed).shuffle(shuffled)
    cuts = int(0.7 * len(ranges)), int(0.7 * len(ranges)) + int(0.15 * len(ranges))
    return dict(zip(SPLITS, np.split(shuffled, cuts), strict=True))[split]


def clip_velocities(names: Sequence[str] | NDArray[np.object_], data: Any, split: Split) -> Integers:
    """One constant (vy, vx) in pixels per frame for every clip, positive down and right: (n, 2).

    By default drawn from V_velocity_range by (split, name). ``protocol="published"`` repeats the published draws:
    by position in the list, the same in every split, vx before vy, and content moves by -v. Of clips that drift to the
    left and right alone, vy is then 0.
    """
    high, moves = data.velocity_range, np.array([axis in data.motion.axes for axis in ("vy", "vx")], np.int64)
    if data.protocol == "published":
        draws = np.random.RandomState(42).randint(-high, high + 1, size=(len(names), 2))
        return -draws[:, ::-1].astype(np.int64) * moves
    if high == 0:  # as every draw would be
        return np.zeros((len(names), 2), np.int64)
    drawn = [generator("velocity", split, name).integers(-high, high + 1, size=2) for name in names]
    return np.array(drawn, dtype=np.int64) * moves
