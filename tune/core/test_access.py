"""Access to test clips: every reading is recorded, with its purpose, before it happens."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from data.stream import Stream
from fernn.batch import Batch
from fernn.experiment import Split
from tune.core.cell_folder import CellFolder
from tune.core.study import Study

COMPLETION, VELOCITY, LENGTH = "completion", "velocity evaluation", "length evaluation"
QUALITY = "quality evaluation"
"""Purposes for which test clips are read."""


class SealedError(RuntimeError):
    """Test clips were asked for without a purpose."""


class SealedClips:
    """A cell's clips, see :class:`data.stream.Stream`, without the test split, which only :meth:`opened` gives."""

    def __init__(self, clips: Stream, folder: CellFolder) -> None:
        self._clips, self._folder = clips, folder

    def training(self, seed: int, epoch: int) -> Iterator[Batch]:
        """The epoch's shuffled training batches."""
        return self._clips.training(seed, epoch)

    def evaluation(self, split: Split) -> Iterator[Batch]:
        """The split's clips; raises SealedError for those of the test split."""
        if split == "test":
            raise SealedError("test clips are sealed while a cell is trained: give opened() a purpose")
        return self._clips.evaluation(split)

    def facts(self, ids: list[str]) -> dict[str, list[Any]]:
        """What else is known of the clips, by column."""
        return self._clips.facts(ids)

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
    purposes = [VELOCITY, LENGTH, QUALITY, *sorted(whole.keys() - {COMPLETION, VELOCITY, LENGTH, QUALITY})]
    more = [f"{whole[purpose]} times by {purpose}" for purpose in purposes if whole[purpose]]
    if again := whole[COMPLETION] - len(recorded):
        more.append(f"{again} times by evaluating a cell again, after a kill or without its result")
    if len(recorded) < len(counts):
        more.append(f"{len(counts) - len(recorded)} of {len(counts)} cells have no record of it")
    besides = f"; besides: {', '.join(more)}" if more else ", and at no other time"
    return [f"Test clips were read once for each of {len(recorded)} trainings, when it was complete{besides}."]
