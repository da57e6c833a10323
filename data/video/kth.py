"""Windows of KTH's videos, from the clips that the prepare step writes.

Every annotated range is cut into windows from its end, as the published loader scans them: one behind the other, of
jogging and running every third. Persons 17 to 25 test; of the ranges of persons 1 to 16 every tenth validates, the
first among them, and the others train. Source: the E3D-LSTM code's loader, which validates on the test persons.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from data.errors import DataError
from data.kth.annotations import ACTIONS
from data.kth.stream import Footage, GatherClips, Integers, drawn_velocities
from data.stream import Rows, Stream, batches
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
        windows, count = self._windows["train"], self.num_clips("train")
        rounds = range(-(-count // len(windows)))
        order = np.concatenate([generator("order", seed, epoch, turn).permutation(len(windows)) for turn in rounds])
        shown = self.data.shown_in_epoch(seed, epoch, count, self.batch_size)
        return self._batches(windows.take(order[:count]), shown)

    def evaluation(self, split: Split, velocities: ArrayLike | None = None) -> Iterator[Batch]:
        """The split's windows in order; ``velocities`` replaces their own: one (vy, vx), or (n, 2)."""
        windows = self._windows[split]
        if velocities is not None:
            windows = replace(windows, drifts=np.broadcast_to(velocities, windows.drifts.shape))
        return self._batches(windows, np.zeros((len(windows), *self.data.label_shape), bool))

    def velocities(self, split: Split, velocity_range: int) -> Integers:
        """The (vy, vx) that the split's windows would have if the data's velocity range were this one: (n, 2)."""
        windows = self._windows[split]
        return drawn_velocities(self._ids(windows.clips, windows.firsts), velocity_range, split)

    def num_clips(self, split: Split) -> int:
        """How many windows the split has; of training, how many an epoch draws."""
        return self.data.num_clips[0] if split == "train" else len(self._windows[split])

    def facts(self, ids: list[str]) -> dict[str, list[int]]:
        """The persons seen in the windows named by ``ids``."""
        persons = dict(zip(self.footage.ids, self.footage.persons.tolist(), strict=True))
        return {"person": [persons[name.rpartition("+")[0]] for name in ids]}

    def _cut(self, split: Split) -> Windows:
        """All windows of the split."""
        footage, span = self.footage, self.data.span
        lengths = np.minimum(footage.num_frames, footage.num_annotated)
        clips_of_split = np.flatnonzero(splits_of(footage.persons) == split)
        dense = {ACTIONS.index(action) for action in DENSE_ACTIONS}
        strides = [DENSE_STRIDE if label in dense else span for label in footage.labels]
        cut = [(clip, first) for clip in clips_of_split for first in first_frames(lengths[clip], span, strides[clip])]
        if not cut:
            raise DataError(f"the {split} split has no window of {span} frames: the data must hold longer ranges of it")
        clips, firsts = np.array(cut, dtype=np.int64).T
        drifts = drawn_velocities(self._ids(clips, firsts), self.data.velocity_range, split)
        return Windows(clips, firsts, drifts)

    def _spread(self, split: Split, most: int) -> Windows:
        """At most so many of the split's windows, spread evenly over all."""
        windows = self._cut(split)
        return windows.take(np.linspace(0, len(windows) - 1, min(len(windows), most)).round().astype(np.int64))

    def _ids(self, clips: Integers, firsts: Integers) -> list[str]:
        return [f"{self.footage.ids[clip]}+{first}" for clip, first in zip(clips, firsts, strict=True)]

    def _batches(self, windows: Windows, shown: NDArray[np.bool_]) -> Iterator[Batch]:
        clips, firsts = windows.clips, windows.firsts
        rows = self.footage.rows(clips, firsts, windows.drifts, np.zeros_like(clips))
        rows = rows.append_column("place", [np.arange(len(windows))])
        return batches(rows, self.batch_size, partial(self._batch, self._ids(clips, firsts), shown))

    def _batch(self, ids: list[str], shown: NDArray[np.bool_], rows: Rows) -> Batch:
        """Frames as of any clip, and which of them a step shows."""
        places = rows["place"]
        return Batch(self._gather(rows).clips, torch.from_numpy(shown[places]), [ids[place] for place in places])


def splits_of(persons: Integers) -> NDArray[np.str_]:
    """The split of every range, by its person and its place in the annotation."""
    trains = persons < FIRST_TEST_PERSON
    place = np.cumsum(trains) - 1
    return np.where(~trains, "test", np.where(place % VALIDATION_EVERY == 0, "validation", "train"))


def first_frames(num_frames: int, span: int, stride: int) -> list[int]:
    """Where windows of ``span`` frames begin, from the last that fits backwards."""
    return list(range(int(num_frames) - span, -1, -stride))
