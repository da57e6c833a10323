"""What a search shares with its trials and its observers: the work, and who is told of it and asked."""

from collections.abc import Sequence
from dataclasses import dataclass

from data.stream import Corpus
from fernn.train.loop import Row
from tune.core.status import Status
from tune.core.study import Cell, Study
from tune.engine.trial import OUT_OF_MEMORY
from tune.planning.resources import Place, Resources

Failures = dict[Cell, str]
"""The cells that ended without a result, and the reasons."""


class SearchCallback:
    """Methods that the driver calls while the cells of a search are trained; each does nothing by default."""

    def on_epoch(self, cell: Cell, row: Row) -> None:
        """The cell's folder holds one more epoch, whose row is given."""

    def on_status(self, cell: Cell, status: Status) -> None:
        """The cell has another status: "running" when a trial starts, "waiting" when the sampler has added the cell.

        A cell that has "failed" is not tried again; "failed" also stands for "diverged".
        """


class Control:
    """Asked by the driver what may start and go on: by budgets, and by orders that people give while a search runs.

    Each method is called on the thread that runs Ray Tune, returns at once, and permits all by default. No answer
    changes a number: what does not start or go on is missing, and a later search continues it.
    """

    version = 0
    """Increased after every change of what cells may do, so that all decisions are taken again."""

    @property
    def has_priorities(self) -> bool:
        """Whether cells may differ in their priority now."""
        return False

    def may_start(self, cell: Cell) -> bool:
        """Whether a trial of the cell may start now."""
        return True

    def taken(self, cell: Cell) -> None:
        """A trial of the cell will start as soon as it has room."""

    def grown(self, study: Study) -> None:
        """A sampler has added cells to the study."""

    def waits(self, cell: Cell) -> bool:
        """Whether a cell that may not start now may start later: the search then waits for it, and does not end."""
        return False

    def may_go_on(self, cell: Cell, row: Row) -> bool:
        """Whether the cell's trial may train another epoch after the one of that row, which is recorded."""
        return True

    def priority(self, cell: Cell) -> int:
        """Cells of a higher priority start first; of equal ones that of the plan's order."""
        return 0

    def ended(self) -> str:
        """Why the search ends at once, or an empty text; a begun epoch is then lost, and trained again later."""
        return ""


@dataclass(frozen=True)
class Workload:
    """What a search trains, on what, with whom."""

    study: Study
    corpus: Corpus
    """The prepared data, which trials share through Ray's object store, without copies."""
    resources: Resources
    callbacks: Sequence[SearchCallback] = ()
    controls: Sequence[Control] = ()

    def may_need_more_memory(self, cell: Cell, reason: str) -> bool:
        """Whether a cell that failed for that reason may succeed with a larger share, or on another kind of GPU."""
        return reason.startswith(OUT_OF_MEMORY) and self.resources.has_more(self.place(cell))

    def place(self, cell: Cell) -> Place:
        """The cell's model, and the kind of GPU that its trial was on."""
        return self.study.model_label(cell), self.study.cell_folder(cell).failed_on()

    def kinds(self, cells: Sequence[Cell]) -> set[str]:
        """The kinds of GPU on which the cells may run: one empty name where kinds are not told apart."""
        return {kind for cell in cells for kind in self.resources.of(self.study.model_label(cell))}
