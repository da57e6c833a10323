"""The test vault: nobody reads test clips without writing down first who does, and what for."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from numpy.typing import ArrayLike, NDArray

from data.stream import Stream
from fernn.batch import Batch
from fernn.experiment import Split
from tune.store import CellFolder
from tune.study import Study

COMPLETION, VELOCITY, LENGTH = "completion", "velocity evaluation", "length evaluation"
"""What test clips are read for."""


class SealedError(RuntimeError):
    """Test clips were asked for without a purpose."""


class Sealed:
    """A cell's clips, but for the test split, which :meth:`opened` gives."""

    def __init__(self, clips: Stream, folder: CellFolder) -> None:
        self._clips, self._folder = clips, folder

    def training(self, seed: int, epoch: int) -> Iterator[Batch]:
        """See :class:`data.stream.Stream`, as for the others."""
        return self._clips.training(seed, epoch)

    def evaluation(self, split: Split, velocities: ArrayLike | None = None) -> Iterator[Batch]:
        """The split's clips; raises SealedError for those of the test split."""
        if split == "test":
            raise SealedError("test clips are sealed while a cell is trained: give opened() a purpose")
        return self._clips.evaluation(split, velocities)

    def velocities(self, split: Split, velocity_range: int) -> NDArray[Any]:
        return self._clips.velocities(split, velocity_range)

    def num_clips(self, split: Split) -> int:
        return self._clips.num_clips(split)

    def facts(self, ids: list[str]) -> dict[str, list[Any]]:
        return self._clips.facts(ids)

    def opened(self, purpose: str) -> Stream:
        """All the clips; the cell's folder keeps the purpose, and which weights are at stake."""
        self._folder.log_opening(purpose)
        return self._clips


def openings(study: Study) -> Counter[str]:
    """How often the test clips were read, by purpose, over all finished cells."""
    return Counter(opening["purpose"] for folder in _finished(study) for opening in folder.openings())


def openings_text(study: Study) -> list[str]:
    """What was read of the test clips, in words; nothing for a study of imported cells alone."""
    finished, counts = _finished(study), openings(study)
    if not finished:
        return []
    told = [folder for folder in finished if folder.openings()]
    if not told:
        return ["How often test clips were read is not recorded."]
    more = [f"{counts[purpose]} by {purpose}" for purpose in (VELOCITY, LENGTH) if counts[purpose]]
    again = counts[COMPLETION] - len(told)
    if again:
        more.append(f"{again} by evaluations that a kill had cut short")
    if len(told) < len(finished):
        more.append(f"{len(finished) - len(told)} of {len(finished)} cells have no record of it")
    return [f"Test clips were read once for each cell, when it was complete{_besides(more)}."]


def _besides(more: list[str]) -> str:
    return f"; besides: {', '.join(more)}" if more else ", and at no other time"


def _finished(study: Study) -> list[CellFolder]:
    folders = [study.cell_folder(cell) for cell in study.cells]
    return [folder for folder in folders if folder.done() is not None]
