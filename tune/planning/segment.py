"""What a model's cells have reached, read from their folders, and what is to train next: a segment of the search."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fernn.train.loop import Row
from tune.core.cell_folder import CellFolder
from tune.core.choice import Choice
from tune.core.study import Cell, Study

Step = tuple[Cell, int | None]
"""A cell to train, and the epoch at which it pauses; None: it trains to its last epoch."""


@dataclass(frozen=True)
class Segment:
    """The steps that may be taken now, in any order, and the cells that were stopped to get there."""

    steps: Sequence[Step] = ()
    stopped: Sequence[Cell] = ()


@dataclass
class Standing:
    """What a cell has reached."""

    cell: Cell
    folder: CellFolder
    rows: Sequence[Row]
    done: bool
    diverged: bool
    stopped: str | None
    """Why the cell was stopped early, None where it was not."""
    by_hand: bool = False

    @property
    def settled(self) -> bool:
        """Whether nothing is left to train."""
        return self.done or self.diverged or self.stopped is not None

    def lacks(self, epoch: int | None) -> bool:
        """Whether there is something to train up to that epoch, None for the last."""
        return not self.settled and (epoch is None or len(self.rows) < epoch)

    def value(self, epoch: int = 0) -> float | None:
        """The best validation metric up to the epoch, by default at the end; None where it is not reached.

        A diverged cell has the metric's worst value where it did not reach the epoch.
        """
        if len(self.rows) >= max(1, epoch) and (epoch or self.done):
            value: float = self.rows[epoch - 1][f"best/{self.cell.metric.name}"]
            return value
        return self.cell.metric.worst if self.diverged else None

    def stop(self, reason: str) -> None:
        """Stop the cell early."""
        self.folder.stop(reason)
        self.stopped = reason


@dataclass
class Contest:
    """A model's choices, each with its cells by seed; without cells that were stopped by hand."""

    study: Study
    label: str
    """The model's, as of the study's groups."""
    groups: Mapping[Choice, Sequence[Standing]]
    stopped: list[Cell] = field(default_factory=list)
    """The cells that were stopped since the folders were read."""

    @classmethod
    def of(cls, study: Study, label: str) -> "Contest":
        """As the cells' folders say; a choice of which a seed was stopped early is stopped with all its seeds."""
        groups = study.groups[label]
        cells = [cell for seeds in groups.values() for cell in seeds]
        standings = dict(zip(cells, study.folder.each(lambda cell: standing(study, cell), cells), strict=True))
        kept = {choice: [standings[c] for c in seeds if not standings[c].by_hand] for choice, seeds in groups.items()}
        contest = cls(study, label, {choice: seeds for choice, seeds in kept.items() if seeds})
        for choice, seeds in contest.groups.items():
            if reasons := [seed.stopped for seed in seeds if seed.stopped is not None]:
                contest.stop(choice, reasons[0])
        return contest

    def stop(self, choice: Choice, reason: str) -> None:
        """Stop all cells of the choice that are not settled."""
        for seed in self.groups[choice]:
            if not seed.settled:
                seed.stop(reason)
                self.stopped.append(seed.cell)

    @property
    def live(self) -> dict[Choice, Sequence[Standing]]:
        """The choices that were not stopped."""
        return {choice: seeds for choice, seeds in self.groups.items() if all(seed.stopped is None for seed in seeds)}

    @property
    def left(self) -> list[Standing]:
        """The cells that are not settled."""
        return [seed for seeds in self.groups.values() for seed in seeds if not seed.settled]

    def segment(self, *steps: Step) -> Segment:
        """A segment with these steps."""
        return Segment(steps, tuple(self.stopped))


def standing(study: Study, cell: Cell) -> Standing:
    """What the cell's folder says."""
    folder = study.cell_folder(cell)
    stopped, by_hand = folder.stopped_early()
    done, diverged = folder.done() is not None, folder.diverged()
    return Standing(cell, folder, folder.history(), done, diverged, stopped, by_hand)
