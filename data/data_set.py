"""What a data set is: how it comes to disk, how it is read, and what stands in for it in a demo."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.manifest import Manifest
from fernn.config import DataConfig
from fernn.experiment import Split

if TYPE_CHECKING:  # Ray Data takes seconds to import, and every command imports this
    from data.stream import Corpus

SPLITS: tuple[Split, ...] = ("train", "validation", "test")


@dataclass(frozen=True)
class DataSet:
    """One value for each data set, in the file ``data_set.py`` of its folder; :mod:`data.registry` lists them.

    Functions take the folder for the data set, in which each config's data has a folder of its own, and the config.
    """

    config: DataConfig
    """The fields with their defaults, the name among them, and what reports say of the data."""
    folder: str
    """The folder's name below datasets/; data sets share it that are made of the same files."""
    prepare: Callable[[Path, Any, Path | None], Manifest]
    """Write Parquet files and a manifest, from files on disk or from a download; a folder that is ready is kept."""
    prepare_demo: Callable[[Path, Any], Manifest]
    """The same of data that is made here, small enough for a demo; its manifest says demo."""
    folder_of: Callable[[Path, Any], Path]
    """Where the data of a config is."""
    num_clips: Callable[[Any, Manifest | None, bool], Mapping[str, int]]
    """How many clips each split has: by the manifest, or without one of all the data or, if True, of its demo."""
    read: Callable[[Path, Manifest], "Corpus"]
    """The prepared data in memory, from which batches are streamed."""
    download: str = ""
    """What is downloaded where no files are given, in words; empty where they must be given, or are generated."""
    has_sizes: bool = False
    """Whether data of every size is prepared by itself."""
    is_generated: bool = False
    """Whether the config alone decides the data, so that it is a demo where a demo asks for it, whoever asked first."""
    demo_may_be_real: bool = False
    """Whether the demo takes the real data where that is on disk."""
    require_same: Callable[[Path, Manifest, Path], None] = lambda folder, manifest, files: None
    """Raise DataError where files on disk are known to hold other data than what is prepared in a folder."""
    stand_in: Callable[[Manifest], str] = lambda manifest: str(manifest.details.get("stand_in", ""))
    """What prepared data is where it is not the data set that it is named for, as "Fashion-MNIST, not MNIST"."""


def by_split(counts: Sequence[int]) -> dict[str, int]:
    """Three numbers by the names of the splits."""
    return dict(zip(SPLITS, counts, strict=True))


def count_splits(splits: Iterable[str]) -> dict[str, int]:
    """How many entries each split has, 0 where it has none."""
    counts = Counter(splits)
    return {split: counts[split] for split in SPLITS}
