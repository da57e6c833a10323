"""What may start and go on in a search: the interface of budgets and of orders that people give while it runs."""

from fernn.train.loop import Row
from tune.core.study import Cell


class Control:
    """Asked by the driver, on the thread that runs Ray Tune: each method returns at once, and permits all by default.

    No answer changes a number: what does not start or go on is missing, and a later search continues it.
    """

    def may_start(self, cell: Cell) -> bool:
        """Whether a trial of the cell may start now."""
        return True

    def may_go_on(self, cell: Cell, row: Row) -> bool:
        """Whether the cell's trial may train another epoch after the one of that row, which is recorded."""
        return True

    def ended(self) -> str:
        """Why the search ends at once, or an empty text; a begun epoch is then lost, and trained again later."""
        return ""
