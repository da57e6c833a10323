"""Windows of velocity fields: which of them a split has, and how they are streamed as clips.

The order of a training epoch comes from the stream ("windows", seed, epoch), the shift of a test window from
("shift", the window's name): the same for every model, so that all models are tested on the same shifted fields. The
shift of a training window, which only models with an augmentation read, comes from ("augmentation", seed, epoch, the
window's name).
"""

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatch
from functools import cached_property, partial
from itertools import accumulate, pairwise
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import ArrayLike, NDArray

from data.data_set import SPLITS, DataSet, by_split
from data.errors import DataError
from data.fields.schema import TILES, Tile, breaks_of, read_tiles
from data.manifest import Manifest
from data.stream import Corpus, Device, Rows, Stream, batches
from fernn.batch import Batch
from fernn.config import FieldsConfig
from fernn.experiment import Split
from fernn.flows.field_symmetries import MOST_MAGNITUDE, MOST_MOTION, MOST_SCALE, PARAMETERS
from fernn.seeding import generator

Window = tuple[str, int]
"""A tile's name and a first frame."""
LABELS = (*PARAMETERS, "domain")


def num_windows(data: FieldsConfig, manifest: Manifest | None, is_demo: bool) -> Mapping[str, int]:
    """How many windows each split has, by the tiles' lengths; without them, the most that the config allows."""
    if manifest is not None:
        return count_windows(manifest.clips[TILES], data, breaks_of(manifest))
    train, validation, test, domain = data.num_clips
    return by_split((train, validation, test + (domain if data.domain else 0)))


fields_data_set = partial(
    DataSet, num_clips=num_windows, read=lambda folder, manifest: Corpus(read_tiles(folder, manifest), FieldStream)
)
"""A data set of tiles of velocity fields."""


class FieldStream(Stream):
    """The batches of one experiment: the ``Clips`` that ``fernn.train.loop.fit`` asks for."""

    def __init__(self, tiles: Sequence[Tile], data: FieldsConfig, batch_size: int, device: Device = "cpu") -> None:
        super().__init__(tiles, data, batch_size, device)
        breaks = {tile.name: tile.breaks for tile in tiles if tile.breaks}
        self.windows = windows({tile.name: len(tile.frames) for tile in tiles}, data, breaks)
        if tiles and (components := tiles[0].frames.shape[1]) != data.channels:
            raise DataError(
                f"the prepared tiles have {components} components, of which data.quantities wants {data.channels}: "
                "prepare them again in another folder (--data of a search)"
            )
        for split in SPLITS:
            if not self.windows[split]:
                gaps = " without a gap" if breaks else ""
                way = "lower data.num_clips" if data.protocol == "published" else "change data.shares"
                raise DataError(
                    f"no window of {data.num_frames} frames{gaps} fits in the {split} period: lower data.num_frames, "
                    f"{way}, or let data.domain {data.domain} hold out fewer tiles"
                )

    def training(self, seed: int, epoch: int) -> Iterator[Batch]:
        """All training windows in an order of the epoch's own, with shifts of the epoch's own."""
        windows = self.windows["train"]
        order = generator("windows", seed, epoch).permutation(len(windows))
        chosen = [windows[place] for place in order]
        return self._batches(chosen, self._shifts(chosen, "augmentation", seed, epoch))

    def evaluation(self, split: Split, velocities: ArrayLike | None = None) -> Iterator[Batch]:
        """The split's windows in a fixed order; the test's with their shifts, those of the domain test last."""
        if velocities is not None:
            raise DataError("velocity generalization is of clips that are set in motion; fields move by themselves")
        if split != "test":
            return self._batches(self.windows[split])
        tested = [*self.windows["test"], *self.windows["domain"]]
        labels = self._shifts(tested, "shift")
        labels[len(self.windows["test"]) :, -1] = 1
        return self._batches(tested, labels)

    def num_clips(self, split: Split) -> int:
        """How many windows the split has."""
        return len(self.windows[split]) + (len(self.windows["domain"]) if split == "test" else 0)

    @cached_property
    def moments(self) -> tuple[float, float]:
        """Mean and deviation over both components of all frames of the training period, as published of all frames."""
        return self._moments(slice(0, 2))

    @cached_property
    def mean_temperature(self) -> float:
        """Of all frames of the training period, degrees Celsius."""
        return self._moments(slice(2, 3))[0]

    def _moments(self, components: slice) -> tuple[float, float]:
        tiles = [tile.frames[:, components] for tile in self.content if not is_held_out(tile.name, self.data)]
        seen = [frames[: cut_at(len(frames), self.data)[1]] for frames in tiles]
        count = sum(frames.size for frames in seen)
        mean = sum(float(frames.sum(dtype=np.float64)) for frames in seen) / count
        square = sum(float(np.square(frames - mean, dtype=np.float64).sum()) for frames in seen) / count
        return mean, max(square**0.5, 1e-12)

    @property
    def deviation(self) -> float:
        """Of the clips that a model sees, in the training period."""
        return 1.0 if self.data.standardised else self.moments[1]

    def _shifts(self, chosen: Sequence[Window], *stream: str | int) -> NDArray[np.float32]:
        """Labels (n, 6) with the shifts of windows outside of the domain test."""
        labels = np.zeros((len(chosen), len(LABELS)), np.float32)
        labels[:, :-1] = [shift_of(window, self.deviation, *stream) for window in chosen]
        return labels

    def _batches(self, chosen: Sequence[Window], labels: NDArray[np.float32] | None = None) -> Iterator[Batch]:
        places = {tile.name: place for place, tile in enumerate(self.content)}
        columns: dict[str, Any] = {
            "tile": np.array([places[name] for name, _ in chosen]), "start": np.array([start for _, start in chosen]),
        }  # fmt: skip
        if labels is not None:
            columns |= {name: np.ascontiguousarray(labels[:, place]) for place, name in enumerate(LABELS)}
        return batches(pa.table(columns), self.batch_size, self._cut)

    def _cut(self, rows: Rows) -> Batch:
        """The clips (b, t, c, h, w) of the windows that rows name."""
        named = [(self.content[tile], start) for tile, start in zip(rows["tile"], rows["start"], strict=True)]
        frames = np.stack([tile.frames[start : start + self.data.num_frames] for tile, start in named])
        mean, deviation = self.moments if self.data.standardised else (0.0, 1.0)
        clips = torch.from_numpy(frames)
        clips[:, :, :2].sub_(mean).div_(deviation)
        if self.data.kelvin is not None:
            clips[:, :, 2].sub_(self.mean_temperature).div_(self.data.kelvin)
        labels = np.zeros((len(named), 0), np.float32)
        if LABELS[0] in rows:
            labels = np.stack([rows[name] for name in LABELS], 1)
        return Batch(clips, torch.from_numpy(labels), [window_name((tile.name, start)) for tile, start in named])


def shift_of(window: Window, deviation: float, *stream: str | int) -> NDArray[np.float64]:
    """The parameters of a window's shifts, in the order of :data:`fernn.flows.field_symmetries.PARAMETERS`."""
    u, v, factor, turns, growth = generator(*stream, window_name(window)).random(len(PARAMETERS))
    motion = (2 * np.array([u, v]) - 1) * MOST_MOTION * deviation
    return np.array([*motion, factor * MOST_MAGNITUDE, np.floor(4 * turns), 1 + growth * (MOST_SCALE - 1)])


def window_name(window: Window) -> str:
    """The tile and the first frame: "atlantic/0/2@17"."""
    return f"{window[0]}@{window[1]}"


def windows(
    lengths: Mapping[str, int], data: FieldsConfig, breaks: Mapping[str, Sequence[int]] = MappingProxyType({})
) -> dict[str, list[Window]]:
    """The windows of "train", "validation", "test" and "domain", by first frame and then by tile.

    ``lengths`` has every tile's number of frames, ``breaks`` those that do not follow the one before: no window has
    both. See :class:`fernn.config.fields.FieldsConfig` for the rule.
    """
    whole: dict[str, list[Window]] = {split: [] for split in (*SPLITS, "domain")}
    for name, length in lengths.items():
        held_out = is_held_out(name, data)
        for split, firsts in ({"domain": _starts(0, length, data)} if held_out else periods(length, data)).items():
            whole[split] += [
                (name, first) for first in firsts
                if not any(first < frame < first + data.num_frames for frame in breaks.get(name, ()))
            ]  # fmt: skip
    return (_as_published if data.protocol == "published" else _spread)(whole, data)


def _as_published(whole: Mapping[str, Sequence[Window]], data: FieldsConfig) -> dict[str, list[Window]]:
    """The first windows train, the next validate, the next test: by first frame, then row, column and region."""

    def place(window: Window) -> tuple[Any, ...]:
        region, row, column = window[0].split("/")
        return window[1], int(row), int(column), region

    inside = sorted(whole["train"], key=place)
    cuts = pairwise(accumulate(data.num_clips[:3], initial=0))
    parts = {split: inside[first:last] for split, (first, last) in zip(SPLITS, cuts, strict=True)}
    return parts | {"domain": sorted(whole["domain"], key=place)[: data.num_clips[3]]}


def _spread(whole: Mapping[str, Sequence[Window]], data: FieldsConfig) -> dict[str, list[Window]]:
    """At most ``data.num_clips`` windows of each split, by first frame, at even distances."""
    return {
        split: evenly(sorted(group, key=lambda window: window[1]), most)
        for (split, group), most in zip(whole.items(), data.num_clips, strict=True)
    }


def count_windows(
    lengths: Mapping[str, int], data: FieldsConfig, breaks: Mapping[str, Sequence[int]] = MappingProxyType({})
) -> dict[str, int]:
    """How many windows each split has, those of the domain test counted with the test's."""
    counts = {split: len(group) for split, group in windows(lengths, data, breaks).items()}
    domain = counts.pop("domain")
    return counts | {"test": counts["test"] + domain}


def is_held_out(tile: str, data: FieldsConfig) -> bool:
    """Whether the tile is of the domain test."""
    return any(fnmatch(tile, pattern) for pattern in data.domain)


def periods(length: int, data: FieldsConfig) -> dict[str, range]:
    """The first frames of training, validation and test windows of a tile with so many frames."""
    cuts = pairwise(cut_at(length, data))
    return {split: _starts(first, last, data) for split, (first, last) in zip(SPLITS, cuts, strict=True)}


def cut_at(length: int, data: FieldsConfig) -> list[int]:
    """Where so many frames are cut: 0, two places between, the end; nowhere before it by the published protocol."""
    if data.protocol == "published":  # whose windows are counted
        return [0, length, length, length]
    train, validation, _ = data.shares
    return [0, round(length * train), round(length * (train + validation)), length]


def evenly(windows: Sequence[Window], most: int) -> list[Window]:
    """At most so many of the windows, at even distances."""
    places = range(len(windows)) if len(windows) <= most else np.linspace(0, len(windows) - 1, most).round().astype(int)
    return [windows[place] for place in places]


def _starts(first: int, last: int, data: FieldsConfig) -> range:
    return range(first, max(first, last - data.num_frames + 1))
