"""Moving MNIST, made batch by batch: digits that bounce off the borders of the frame.

The digits, starts and directions of a training epoch come from the stream ("moving", "train", seed, epoch), those of
the evaluation sets from ("moving", split): the same for every model, epoch and seed. The training digits are cut in
two, so that the splits share none. With ``protocol="published"`` the test clips are those of the standard file.

Every digit starts anywhere and goes on in one direction; where it would leave the frame it stops at the border, and
comes back with the next frame. Source: Srivastava et al., ICML 2015, and its code.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data.data_set import by_split
from data.errors import DataError
from data.mnist.schema import Part, Pictures, part_of
from data.mnist.stream import DigitStream, Draws, whole
from data.stream import Integers, Rows
from fernn.batch import Batch
from fernn.config import DIGIT
from fernn.experiment import Split
from fernn.flows.translation import source_pixels
from fernn.seeding import generator


@dataclass(frozen=True)
class Moves(Draws):
    """What decides n clips of d digits: which digits, their places and directions, and how the whole drifts (n, 1, 2).

    Starts (n, d, 2) are (y, x) in [0, 1] of the room that a digit has, angles (n, d) in radians, from right to down.
    ``shown`` are the clips' labels: which of their frames a step of training shows.
    """

    angles: NDArray[np.float64]
    shown: NDArray[np.bool_]


class MovingStream(DigitStream):
    """The batches of one experiment: the ``Clips`` that ``fernn.train.loop.fit`` asks for."""

    def velocities(self, split: Split, velocity_range: int, *names: int) -> Integers:
        """The (vy, vx) with which the split's clips would drift if the data's velocity range were this one: (n, 2)."""
        random = generator("moving-drift", split, *names)
        return whole(random.random((self.num_clips(split), 2)), -velocity_range, velocity_range)

    def num_clips(self, split: Split) -> int:
        """How many clips the split has."""
        count, standard = by_split(self.data.num_clips)[split], self._standard(split)
        return count if standard is None else min(count, len(standard))

    def part(self, split: Split) -> Part:
        """The split's digits."""
        return part_of(self.content.parts, split)

    def _standard(self, split: Split) -> NDArray[np.uint8] | None:
        if split != "test" or self.data.protocol != "published":
            return None
        if self.content.standard is None:
            raise DataError("the data has no standard test clips: prepare it with --protocol published")
        return self.content.standard

    def _draws(self, split: Split, *names: int) -> Moves:
        count, data = self.num_clips(split), self.data
        uniform = generator("moving", split, *names).random((count, data.num_digits, 4))
        digits = whole(uniform[..., 0], 0, len(self.part(split).labels) - 1)
        drifts = self.velocities(split, data.velocity_range, *names)[:, None]
        shown = np.zeros((count, *data.label_shape), bool)
        if names:
            shown = data.shown_in_epoch(*names, count, self.batch_size)
        return Moves(digits, drifts, uniform[..., 1:3], 2 * np.pi * uniform[..., 3], shown)

    def _batch(self, split: Split, moves: Moves, rows: Rows) -> Batch:
        index, standard = rows["index"], self._standard(split)
        clips = self._drawn(split, moves, index) if standard is None else torch.from_numpy(standard[index])
        clips = drifting(clips, torch.from_numpy(moves.velocities[index, 0]))
        name = split if standard is None else "standard"
        return Batch(clips[:, :, None], torch.from_numpy(moves.shown[index]), [f"{name}-{place}" for place in index])

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
