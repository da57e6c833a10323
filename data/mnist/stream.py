"""Sequences of moving digits, made batch by batch from an epoch's draws.

The draws say which digits a sequence has, where each starts and how it moves. Those of a training
epoch come from the stream ("sequences", "train", seed, epoch), those of the evaluation sets from ("sequences",
split): the same for every model, epoch and seed. The training digits are cut in two, so that the splits share none.

``protocol="published"`` repeats the published generators: digits of training and validation come from all training
digits; draws are those of a ``numpy.random.RandomState``, in the published order: seed 42 for the evaluation sets,
(seed, epoch) for training, whose published seed is the state of a global generator.
Source: Keller, "Flow Equivariant Recurrent Neural Networks", NeurIPS 2025, section 5.1 and appendix B.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import ArrayLike, NDArray

from data.data_set import by_split
from data.errors import DataError
from data.mnist.render import draw_rotating, draw_translating
from data.mnist.schema import VALIDATION_SHARE, Part, part_of
from data.stream import Device, Rows, Stream, batches
from fernn.batch import Batch
from fernn.config import DigitsConfig, RotatingMNISTConfig
from fernn.experiment import Split
from fernn.seeding import generator, seed_of

PUBLISHED_SEED = 42


@dataclass(frozen=True)
class Digits:
    """All prepared digits, by part, and Moving MNIST's standard test clips (n, t, h, w) where those are prepared."""

    parts: dict[str, Part]
    standard: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class Draws:
    """What decides n sequences of d digits: which digits (n, d), velocities (n, d, k) and starts (n, d, k).

    Translation: k = 2, (vy, vx) in pixels per frame and (y, x) in pixels. Rotation: k = 1, degrees.
    """

    digits: NDArray[np.int64]
    velocities: NDArray[Any]
    starts: NDArray[Any]

    def moving(self, velocities: ArrayLike) -> "Draws":
        """The same sequences, all of whose digits have the velocity given: one, or one a sequence."""
        given = np.asarray(velocities, dtype=self.velocities.dtype).reshape(-1, 1, self.velocities.shape[-1])
        return replace(self, velocities=np.broadcast_to(given, self.velocities.shape))


class DigitStream(Stream):
    """The batches of one experiment: digits turn on the device, and drift on the CPU."""

    content: Digits

    def __init__(self, digits: Digits, data: Any, batch_size: int, device: Device = "cpu") -> None:
        super().__init__(digits, data, batch_size, device)
        if min(len(part.labels) for part in digits.parts.values()) < 1 / VALIDATION_SHARE:
            raise DataError("the data must have 10 digits or more in each part")

    def training(self, seed: int, epoch: int) -> Iterator[Batch]:
        """Fresh sequences of training digits for every (seed, epoch)."""
        return self._batches("train", self._draws("train", seed, epoch))

    def evaluation(self, split: Split, velocities: ArrayLike | None = None) -> Iterator[Batch]:
        """The split's fixed sequences; ``velocities`` replaces their own, the same for all digits of a sequence.

        The published generators draw no velocity that is given: then they draw other digits and starts.
        """
        if velocities is None:
            return self._batches(split, self._draws(split))
        still = type(self)(self.content, self.data.moving(0), self.batch_size)
        return self._batches(split, still._draws(split).moving(velocities))

    def velocities(self, split: Split, velocity_range: int) -> NDArray[Any]:
        """One velocity (n, k) for each of the split's sequences, drawn from V_velocity_range."""
        data = replace(self.data.moving(velocity_range), num_digits=1)
        return draw(data, generator("velocities", split), self.num_clips(split), 1).velocities[:, 0]

    def num_clips(self, split: Split) -> int:
        """How many sequences the split has."""
        return by_split(self.data.num_sequences)[split]

    def part(self, split: Split) -> Part:
        """The split's digits."""
        if split != "test" and self.data.protocol == "published":
            return self.content.parts["train"]
        return part_of(self.content.parts, split)

    def _draws(self, split: Split, *names: int) -> Any:
        """What decides the split's sequences, those of a seed and an epoch or, without ``names``, the fixed ones."""
        data, count, num_digits = self.data.in_split(split), self.num_clips(split), len(self.part(split).labels)
        if data.protocol == "published":
            seed = seed_of("sequences", split, *names) % 2**32 if names else PUBLISHED_SEED
            return draw_published(data, np.random.RandomState(seed), count, num_digits)
        return draw(data, generator("sequences", split, *names), count, num_digits)

    def _batches(self, split: Split, draws: Any) -> Iterator[Batch]:
        rows = pa.table({"index": np.arange(len(draws.digits))})
        return batches(rows, self.batch_size, partial(self._batch, split, draws))

    def _batch(self, split: Split, draws: Any, rows: Rows) -> Batch:
        part, index = self.part(split), rows["index"]
        digits = draws.digits[index]
        drawn = (part.pictures[digits], draws.velocities[index], draws.starts[index])
        sizes = (self.data.num_frames, self.data.size)
        turning = isinstance(self.data, RotatingMNISTConfig)
        clips = draw_rotating(*drawn, *sizes, self.device) if turning else draw_translating(*drawn, *sizes)
        return Batch(clips[:, :, None], torch.from_numpy(part.labels[digits]), [f"{split}-{place}" for place in index])


def draw(data: DigitsConfig, random: np.random.Generator, count: int, num_digits: int) -> Draws:
    """The draws of ``count`` sequences; the first n are the same whatever the count."""
    if isinstance(data, RotatingMNISTConfig):
        uniform = random.random((count, data.num_digits, 3))
        turns = whole(uniform[..., 1:2], -data.velocity_range, data.velocity_range) * data.angle_step
        return Draws(whole(uniform[..., 0], 0, num_digits - 1), turns, 360 * uniform[..., 2:3])
    uniform = random.random((count, data.num_digits, 5))
    velocities = whole(uniform[..., 1:3], -data.velocity_range, data.velocity_range)
    return Draws(whole(uniform[..., 0], 0, num_digits - 1), velocities, whole(uniform[..., 3:5], 0, data.size - 1))


def whole(uniform: NDArray[np.float64], low: int, high: int) -> NDArray[np.int64]:
    """Whole numbers from ``low`` to ``high``, both included."""
    return low + np.floor(uniform * (high - low + 1)).astype(np.int64)


def draw_published(data: DigitsConfig, random: np.random.RandomState, count: int, num_digits: int) -> Draws:
    """The draws of the published generators, sequence after sequence: all digits first, then how each moves."""
    draw_move = _published_turn if isinstance(data, RotatingMNISTConfig) else _published_drift
    digits, moves = [], []
    for _ in range(count):
        digits.append([random.randint(0, num_digits) for _ in range(data.num_digits)])
        moves.append([draw_move(data, random) for _ in range(data.num_digits)])
    velocities, starts = np.moveaxis(np.array(moves), 2, 0)
    return Draws(np.array(digits), velocities, starts)


def _published_drift(data: DigitsConfig, random: np.random.RandomState) -> tuple[list[int], list[int]]:
    high = data.velocity_range
    vx, vy = random.randint(-high, high + 1), random.randint(-high, high + 1)
    x, y = random.randint(0, data.size), random.randint(0, data.size)
    return [vy, vx], [y, x]


def _published_turn(data: Any, random: np.random.RandomState) -> tuple[list[float], list[float]]:
    steps = np.arange(-data.velocity_range, data.velocity_range + 1) * data.angle_step
    return [float(random.choice(steps))], [random.uniform(0, 360)]
