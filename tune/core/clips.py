"""A study's clips: the folder or bucket that holds them, and access to those of the test split.

Of data in a bucket this machine keeps a cached copy. Every reading of test clips is recorded, with its purpose, before
it happens.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from data.bucket import at_hand, is_bucket
from data.files import full_path
from data.manifest import MANIFEST, Manifest
from data.registry import data_set
from data.stream import Stream
from fernn.batch import Batch
from fernn.config import DataConfig
from fernn.experiment import Split
from tune.core.cell_folder import CellFolder
from tune.core.console import masked
from tune.core.folder import Folder
from tune.core.study import Study, StudyError

FILE = "data.json"
COMPLETION = "completion"
"""The purpose for which the test clips are read when a training is complete; others are named after their measure."""


def address_in(given: str, data: DataConfig) -> str:
    """The path or URL of the data's prepared folder; ``given`` names that folder, or the folder above it.

    Raises DataError for a URL that is no bucket's.
    """
    dataset = data_set(data.name)
    if not is_bucket(given):
        path = full_path(given)
        return str(path if (path / MANIFEST).exists() else dataset.folder_of(path, data))
    name, given = dataset.folder_of(Path(), data).name, given.rstrip("/")
    return given if given.endswith(f"/{name}") else f"{given}/{name}"


def find_data(study: Study, data: DataConfig, data_hash: str, given: str | None) -> tuple[Path, Manifest]:
    """Folder and manifest of the clips with that hash, on which cells were trained; raises StudyError or DataError.

    ``given`` is the user's ``--data``; without it the address in the study's file is used, unless that is a URL that
    names a server or user.
    """
    if not given and "://" in study.data and set(study.data) & set("@?#%"):
        raise StudyError(f"study {study.name!r} names its data as {masked(study.data)!r}: say where it is with --data")
    home = at_hand(address_in(given, data) if given else study.data)
    if not home.exists():
        raise StudyError(f"the data of study {study.name!r} is not in {home}: say where it is with --data")
    manifest = Manifest.read(home).verify(home)
    if manifest.hash != data_hash:
        raise StudyError(
            f"the data in {home} has the hash {manifest.hash}, study {study.name!r} was trained on "
            f"{data_hash}: bring that back, or say where it is with --data"
        )
    return home, manifest


def record_data(folder: Folder, manifest: Manifest, num_clips: Mapping[str, int]) -> None:
    """Write the manifest of the data and each split's number of clips into a study's folder, unless they are there."""
    if not folder.has(FILE):
        folder.write_sealed(FILE, {**asdict(manifest), "num_clips": dict(num_clips)})


def recorded_data(folder: Folder) -> dict[str, Any] | None:
    """The facts of :func:`record_data`, None where there are none; raises DamagedError for a wrong checksum."""
    return folder.read_sealed(FILE, "delete it, and run the search again", always_sealed=True)


class SealedClips:
    """A cell's clips, see :class:`data.stream.Stream`, without the test split, which only :meth:`opened` gives."""

    def __init__(self, clips: Stream, folder: CellFolder) -> None:
        self._clips, self._folder = clips, folder

    def training(self, seed: int, epoch: int) -> Iterator[Batch]:
        """The epoch's shuffled training batches."""
        return self._clips.training(seed, epoch)

    def evaluation(self, split: Split) -> Iterator[Batch]:
        """The split's clips; raises RuntimeError for those of the test split."""
        if split == "test":
            raise RuntimeError("test clips are sealed while a cell is trained: give opened() a purpose")
        return self._clips.evaluation(split)

    def opened(self, purpose: str) -> Stream:
        """All clips, after the cell's folder has recorded the purpose and the best weights' digest."""
        self._folder.log_opening(purpose)
        return self._clips


def openings_text(study: Study) -> list[str]:
    """How often test clips were read, in words; empty before a cell is finished.

    Cells of fewer epochs, from which longer cells continued, count as well. A rerun reads test clips in a temporary
    folder and chooses nothing; it does not count.
    """
    finished = [folder for folder in study.stored_cells() if folder.done() is not None]
    counts = [Counter(row["purpose"] for row in folder.openings()) for folder in finished]
    recorded = [count for count in counts if count[COMPLETION]]
    if not recorded:
        return ["How often test clips were read is not recorded."] if counts else []
    whole: Counter[str] = sum(counts, Counter())
    more = [f"{times} times by {purpose}" for purpose, times in sorted(whole.items()) if purpose != COMPLETION]
    if again := whole[COMPLETION] - len(recorded):
        more.append(f"{again} times by evaluating a cell again, after a kill or without its result")
    if len(recorded) < len(counts):
        more.append(f"{len(counts) - len(recorded)} of {len(counts)} cells have no record of it")
    besides = f"; besides: {', '.join(more)}" if more else ", and at no other time"
    return [f"Test clips were read once for each of {len(recorded)} trainings, when it was complete{besides}."]
