"""Moving MNIST, made batch by batch: digits that bounce off the borders of the frame.

The digits, starts and directions of a training epoch come from the stream ("moving", "train", seed, epoch), those of
the evaluation sets from ("moving", split): the same for every model, epoch and seed. The training digits are cut in
two, so that the splits share none. With ``protocol="published"`` the test clips are those of the standard file.

Every digit starts anywhere and goes on in one direction; where it would leave the frame it stops at the border, and
comes back with the next frame. Source: Srivastava et al., ICML 2015, and its code.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from data.data_set import by_split
from data.errors import DataError
from data.mnist.schema import Part, Pictures, part_of, require_enough
from data.mnist.stream import whole
from data.stream import Rows, Stream, batches
from fernn.batch import Batch
from fernn.config import DIGIT, MovingConfig
from fernn.experiment import Split
from fernn.flows.translation import source_pixels
from fernn.seeding import generator

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class MovingDigits:
    """All prepared digits, by part, and the standard test clips (n, t, h, w) where those are prepared."""

    parts: dict[str, Part]
    standard: NDArray[np.uint8] | None = None

    def stream(self, data: MovingConfig, batch_size: int, device: torch.device | str = "cpu") -> "MovingStream":
        """The clips' batches."""
        return MovingStream(self, data, batch_size)


@dataclass(frozen=True)
class Moves:
    """What decides n clips of d digits: which digits (n, d), places and directions, and how the whole drifts (n, 2).

    Starts (n, d, 2) are (y, x) in [0, 1] of the room that a digit has, angles (n, d) in radians, from right to down.
    """

    digits: Integers
    starts: NDArray[np.float64]
    angles: NDArray[np.float64]
    drifts: Integers


class MovingStream(Stream):
    """The batches of one experiment: the ``Clips`` that ``fernn.train.loop.fit`` asks for."""

    def __init__(self, corpus: MovingDigits, data: MovingConfig, batch_size: int) -> None:
        self.corpus, self.data, self.batch_size = corpus, data, batch_size
        require_enough(corpus.parts)

    def training(self, seed: int, epoch: int) -> Iterator[Batch]:
        """Fresh clips of training digits for every (seed, epoch), and which of their frames each step shows."""
        count = self.num_clips("train")
        shown = self.data.shown_in_epoch(seed, epoch, count, self.batch_size)
        return self._batches("train", self._moves("train", count, seed, epoch), shown)

    def evaluation(self, split: Split, velocities: ArrayLike | None = None) -> Iterator[Batch]:
        """The split's fixed clips; ``velocities`` replaces the drift of each as a whole: one, or (n, 2)."""
        count = self.num_clips(split)
        moves = self._moves(split, count)
        if velocities is not None:
            moves = replace(moves, drifts=np.broadcast_to(np.asarray(velocities, dtype=np.int64), (count, 2)))
        return self._batches(split, moves, np.zeros((count, *self.data.label_shape), bool))

    def velocities(self, split: Split, velocity_range: int) -> Integers:
        """The (vy, vx) with which the split's clips would drift if the data's velocity range were this one: (n, 2)."""
        return self._drifts(split, velocity_range, self.num_clips(split))

    def num_clips(self, split: Split) -> int:
        """How many clips the split has."""
        count, standard = by_split(self.data.num_clips)[split], self._standard(split)
        return count if standard is None else min(count, len(standard))

    def part(self, split: Split) -> Part:
        """The split's digits."""
        return part_of(self.corpus.parts, split)

    def _standard(self, split: Split) -> NDArray[np.uint8] | None:
        if split != "test" or self.data.protocol != "published":
            return None
        if self.corpus.standard is None:
            raise DataError("the data has no standard test clips: prepare it with --protocol published")
        return self.corpus.standard

    def _moves(self, split: Split, count: int, *names: int) -> Moves:
        uniform = generator("moving", split, *names).random((count, self.data.num_digits, 4))
        drifts = self._drifts(split, self.data.velocity_range, count, *names)
        digits = whole(uniform[..., 0], 0, len(self.part(split).labels) - 1)
        return Moves(digits, uniform[..., 1:3], 2 * np.pi * uniform[..., 3], drifts)

    def _drifts(self, split: Split, high: int, count: int, *names: int) -> Integers:
        return whole(generator("moving-drift", split, *names).random((count, 2)), -high, high)

    def _batches(self, split: Split, moves: Moves, shown: NDArray[np.bool_]) -> Iterator[Batch]:
        rows = pa.table({"index": np.arange(len(moves.digits))})
        return batches(rows, self.batch_size, partial(self._batch, split, moves, shown))

    def _batch(self, split: Split, moves: Moves, shown: NDArray[np.bool_], rows: Rows) -> Batch:
        index, standard = rows["index"], self._standard(split)
        clips = self._drawn(split, moves, index) if standard is None else torch.from_numpy(standard[index])
        clips = drifting(clips, torch.from_numpy(moves.drifts[index]))
        name = split if standard is None else "standard"
        return Batch(clips[:, :, None], torch.from_numpy(shown[index]), [f"{name}-{place}" for place in index])

    def _drawn(self, split: Split, moves: Moves, index: Integers) -> Tensor:
        size, room = self.data.size, self.data.size - DIGIT
        step = self.data.speed / room if room else 0.0
        places = bounced(moves.starts[index], moves.angles[index], self.data.num_frames, step)
        pictures = self.part(split).pictures[moves.digits[index]]
        return draw_digits(pictures, np.floor(room * places).astype(np.int64), size)


def bounced(
    starts: NDArray[np.float64], angles: NDArray[np.float64], num_frames: int, step: float
) -> NDArray[np.float64]:
    """Places (n, d, t, 2) in [0, 1] of points that start at (n, d, 2), go on by ``step`` and turn at the borders.

    The first place is one step from the start, as in the published generator.
    """
    place, velocity = starts, step * np.stack([np.sin(angles), np.cos(angles)], axis=-1)
    places = []
    for _ in range(num_frames):
        place = place + velocity
        velocity = np.where((place <= 0) | (place >= 1), -velocity, velocity)
        place = np.clip(place, 0, 1)
        places.append(place)
    return np.stack(places, axis=2)


def draw_digits(pictures: Pictures, corners: Integers, size: int) -> Tensor:
    """Digits (b, d, 28, 28) with their upper left at (b, d, t, 2), the brightest in front: uint8 (b, t, size, size)."""
    frames = np.zeros((*corners.shape[:1], corners.shape[2], size, size), np.uint8)
    clip, time = np.ogrid[: frames.shape[0], : frames.shape[1]]
    side = np.arange(DIGIT)
    for digit in range(pictures.shape[1]):
        rows, columns = (corners[:, digit, :, axis, None] + side for axis in (0, 1))
        places = clip[..., None, None], time[..., None, None], rows[..., None], columns[..., None, :]
        frames[places] = np.maximum(frames[places], pictures[:, digit, None])
    return torch.from_numpy(frames)


def drifting(clips: Tensor, velocities: Tensor) -> Tensor:
    """Clips (b, t, h, w) that move with (b, 2) pixels per frame on top, and wrap."""
    if not velocities.any():
        return clips
    lines, columns = source_pixels(velocities, *clips.shape[1:])
    clip = torch.arange(len(clips))[:, None, None, None]
    time = torch.arange(clips.shape[1])[:, None, None]
    return clips[clip, time, lines[..., None], columns[..., None, :]]
