"""Windows of KTH's videos, from the clips that the prepare step writes.

Every annotated range is cut into windows from its end, as the published loader scans them: one behind the other, of
jogging and running every third. Persons 17 to 25 test; of the ranges of persons 1 to 16 every tenth validates, the
first among them, and the others train. Source: the E3D-LSTM code's loader, which validates on the test persons.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import ArrayLike, NDArray
from ray.data.collate_fn import NumpyBatchCollateFn

from data.errors import DataError
from data.kth.annotations import ACTIONS
from data.kth.stream import Footage, GatherClips, Integers, read_footage
from data.manifest import Manifest
from data.stream import Stream, batches
from fernn.batch import Batch
from fernn.config import KTHVideoConfig
from fernn.experiment import Split
from fernn.seeding import generator

FIRST_TEST_PERSON = 17
VALIDATION_EVERY = 10
DENSE_ACTIONS = ("jogging", "running")
DENSE_STRIDE = 3


@dataclass(frozen=True)
class Videos:
    """The prepared clips, to be cut into windows."""

    footage: Footage

    def stream(self, data: KTHVideoConfig, batch_size: int, device: torch.device | str = "cpu") -> "WindowStream":
        """The windows' batches; raises DataError where a split has none."""
        return WindowStream(self.footage, data, batch_size, device)


def read_videos(folder: Path, manifest: Manifest) -> Videos:
    """Every clip of a prepared folder."""
    return Videos(read_footage(folder, manifest))


@dataclass(frozen=True)
class Windows:
    """Windows of n frames: of which range, at which of its frames they begin, and how they drift (n, 2)."""

    clips: Integers
    firsts: Integers
    drifts: Integers

    def __len__(self) -> int:
        return len(self.clips)

    def take(self, index: Integers) -> "Windows":
        """Those of the index, in its order."""
        return Windows(self.clips[index], self.firsts[index], self.drifts[index])


class WindowStream(Stream):
    """The batches of one experiment: the ``Clips`` that ``fernn.train.loop.fit`` asks for."""

    def __init__(
        self, footage: Footage, data: KTHVideoConfig, batch_size: int, device: torch.device | str = "cpu"
    ) -> None:
        self.footage, self.data, self.batch_size = footage, data, batch_size
        self._windows: dict[Split, Windows] = {
            "train": self._cut("train"),
            "validation": self._spread("validation", data.num_clips[1]),
            "test": self._spread("test", data.num_clips[2]),
        }
        self._gather = GatherClips(footage, data, device)

    def training(self, seed: int, epoch: int) -> Iterator[Batch]:
        """As many training windows as an epoch has, none again before all were seen; and what each step shows."""
        every, count = self._windows["train"], self.num_clips("train")
        rounds = range(-(-count // len(every)))
        order = np.concatenate([generator("order", seed, epoch, one).permutation(len(every)) for one in rounds])
        shown = self.data.shown_in_epoch(seed, epoch, count, self.batch_size)
        return self._batches(every.take(order[:count]), shown)

    def evaluation(self, split: Split, velocities: ArrayLike | None = None) -> Iterator[Batch]:
        """The split's windows in order; ``velocities`` replaces their own: one (vy, vx), or (n, 2)."""
        windows = self._windows[split]
        if velocities is not None:
            windows = replace(windows, drifts=np.broadcast_to(velocities, windows.drifts.shape))
        return self._batches(windows, np.zeros((len(windows), *self.data.label_shape), bool))

    def velocities(self, split: Split, velocity_range: int) -> Integers:
        """The (vy, vx) that the split's windows would have if the data's velocity range were this one: (n, 2)."""
        windows = self._windows[split]
        return self._drifts(split, windows.clips, windows.firsts, velocity_range)

    def num_clips(self, split: Split) -> int:
        """How many windows the split has; of training, how many an epoch draws."""
        return self.data.num_clips[0] if split == "train" else len(self._windows[split])

    def facts(self, ids: list[str]) -> dict[str, list[int]]:
        """The persons seen in the windows named by ``ids``."""
        known = dict(zip(self.footage.ids, self.footage.persons.tolist(), strict=True))
        return {"person": [known[name.rpartition("+")[0]] for name in ids]}

    def _cut(self, split: Split) -> Windows:
        """All windows of the split."""
        footage, span = self.footage, self.data.span
        lengths = np.minimum(footage.num_frames, footage.num_annotated)
        mine = np.flatnonzero(splits_of(footage.persons) == split)
        cut = [(clip, first) for clip in mine for first in first_frames(lengths[clip], span, self._stride(clip))]
        if not cut:
            raise DataError(f"the {split} split has no window of {span} frames: the data must hold longer ranges of it")
        clips, firsts = np.array(cut, dtype=np.int64).T
        return Windows(clips, firsts, self._drifts(split, clips, firsts, self.data.velocity_range))

    def _spread(self, split: Split, most: int) -> Windows:
        """At most so many of the split's windows, spread evenly over all."""
        every = self._cut(split)
        return every.take(np.linspace(0, len(every) - 1, min(len(every), most)).round().astype(np.int64))

    def _stride(self, clip: int) -> int:
        dense = ACTIONS[self.footage.labels[clip]] in DENSE_ACTIONS
        return DENSE_STRIDE if dense else self.data.span

    def _drifts(self, split: Split, clips: Integers, firsts: Integers, high: int) -> Integers:
        """One constant velocity for each window, from (split, its name)."""
        if high == 0:
            return np.zeros((len(clips), 2), np.int64)
        draws = [
            generator("velocity", split, name).integers(-high, high + 1, size=2) for name in self._ids(clips, firsts)
        ]
        return np.array(draws, dtype=np.int64)

    def _ids(self, clips: Integers, firsts: Integers) -> list[str]:
        return [f"{self.footage.ids[clip]}+{first}" for clip, first in zip(clips, firsts, strict=True)]

    def _batches(self, windows: Windows, shown: NDArray[np.bool_]) -> Iterator[Batch]:
        rows = pa.table(
            {
                "place": np.arange(len(windows)),
                "clip": windows.clips,
                "label": self.footage.labels[windows.clips],
                "start": self.footage.offsets[windows.clips] + windows.firsts,
                "vy": windows.drifts[:, 0],
                "vx": windows.drifts[:, 1],
                "flip": np.zeros(len(windows), np.int64),
            }
        )
        collate = GatherWindows(self._gather, self._ids(windows.clips, windows.firsts), shown)
        return batches(rows, self.batch_size, collate)


class GatherWindows(NumpyBatchCollateFn):
    """Turns rows of an epoch into a batch: frames as of any clip, and which of them a step shows."""

    def __init__(self, gather: GatherClips, ids: list[str], shown: NDArray[np.bool_]) -> None:
        self.gather, self.ids, self.shown = gather, ids, shown

    def __call__(self, rows: dict[str, NDArray[Any]]) -> Batch:  # type: ignore[override]
        """Rows hold what the gather reads, and each window's place in the epoch."""
        places = rows["place"]
        clips = self.gather(rows).clips
        return Batch(clips, torch.from_numpy(self.shown[places]), [self.ids[place] for place in places])


def splits_of(persons: Integers) -> NDArray[np.str_]:
    """The split of every range, by its person and its place in the annotation."""
    trains = persons < FIRST_TEST_PERSON
    place = np.cumsum(trains) - 1
    return np.where(~trains, "test", np.where(place % VALIDATION_EVERY == 0, "validation", "train"))


def first_frames(num_frames: int, span: int, stride: int) -> list[int]:
    """Where windows of ``span`` frames begin, from the last that fits backwards."""
    return list(range(int(num_frames) - span, -1, -stride))
