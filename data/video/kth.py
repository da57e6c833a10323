"""Windows of KTH's videos, from the clips that the prepare step writes.

Every annotated range is cut into windows from its end, as the published loader scans them: one behind the other, of
jogging and running every third. Persons 17 to 25 test; of the ranges of persons 1 to 16 every tenth validates, the
first among them, and the others train. Source: the E3D-LSTM code's loader, which validates on the test persons.
"""

from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from data.data_set import by_split
from data.errors import DataError
from data.kth.annotations import ACTIONS
from data.kth.stream import ClipStream, SplitClips, clip_velocities
from data.stream import Integers, Rows, batches
from fernn.batch import Batch
from fernn.experiment import Split
from fernn.seeding import generator

FIRST_TEST_PERSON = 17
VALIDATION_EVERY = 10
DENSE_ACTIONS = ("jogging", "running")
DENSE_STRIDE = 3


class WindowStream(ClipStream):
    """The batches of one experiment: the ``Clips`` that ``fernn.train.loop.fit`` asks for."""

    def training(self, seed: int, epoch: int) -> Iterator[Batch]:
        """As many training windows as an epoch has, none again before all were seen; and what each step shows."""
        windows, count = self._splits["train"], self.num_clips("train")
        rounds = range(-(-count // len(windows)))
        order = np.concatenate([generator("order", seed, epoch, turn).permutation(len(windows)) for turn in rounds])
        shown = self.data.shown_in_epoch(seed, epoch, count, self.batch_size)
        return self._batches(windows.take(order[:count]), shown)

    def evaluation(self, split: Split, velocities: ArrayLike | None = None) -> Iterator[Batch]:
        """The split's windows in order; ``velocities`` replaces their own: one (vy, vx), or (n, 2)."""
        windows = self._moving(split, velocities)
        return self._batches(windows, np.zeros((len(windows), *self.data.label_shape), bool))

    def num_clips(self, split: Split) -> int:
        """How many windows the split has; of training, how many an epoch draws."""
        return self.data.num_clips[0] if split == "train" else super().num_clips(split)

    def _clips_of(self, split: Split) -> SplitClips:
        """All training windows; of the other splits at most as many as the config allows, spread evenly over all."""
        footage, span = self.content, self.data.span
        lengths = np.minimum(footage.num_frames, footage.num_annotated)
        dense = {ACTIONS.index(action) for action in DENSE_ACTIONS}
        strides = [DENSE_STRIDE if label in dense else span for label in footage.labels]
        of_split = np.flatnonzero(splits_of(footage.persons) == split)
        cut = [(place, first) for place in of_split for first in first_frames(lengths[place], span, strides[place])]
        if not cut:
            raise DataError(f"the {split} split has no window of {span} frames: the data must hold longer ranges of it")
        names = np.array([f"{footage.ids[place]}+{first}" for place, first in cut], dtype=object)
        ranges, firsts = np.array(cut, dtype=np.int64).T
        velocities = clip_velocities(names, self.data, split)
        windows = SplitClips(names, ranges, firsts, np.ones_like(firsts), velocities)
        most = len(windows) if split == "train" else min(len(windows), by_split(self.data.num_clips)[split])
        return windows.take(np.linspace(0, len(windows) - 1, most).round().astype(np.int64))

    def _batches(self, windows: SplitClips, shown: NDArray[np.bool_]) -> Iterator[Batch]:
        rows = self.content.rows(windows.ranges, windows.firsts, windows.velocities, np.zeros_like(windows.ranges))
        rows = rows.append_column("place", [np.arange(len(windows))])
        return batches(rows, self.batch_size, partial(self._batch, windows.names, shown))

    def _batch(self, names: NDArray[np.object_], shown: NDArray[np.bool_], rows: Rows) -> Batch:
        """Frames as of any clip, and which of them a step shows."""
        places = rows["place"]
        return Batch(self._gather(rows).clips, torch.from_numpy(shown[places]), names[places].tolist())


def splits_of(persons: Integers) -> NDArray[np.str_]:
    """The split of every range, by its person and its place in the annotation."""
    trains = persons < FIRST_TEST_PERSON
    place = np.cumsum(trains) - 1
    return np.where(~trains, "test", np.where(place % VALIDATION_EVERY == 0, "validation", "train"))


def first_frames(num_frames: int, span: int, stride: int) -> list[int]:
    """Where windows of ``span`` frames begin, from the last that fits backwards."""
    return list(range(int(num_frames) - span, -1, -stride))
