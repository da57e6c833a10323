"""A table in a notebook that changes in place."""

import time
from collections.abc import Callable
from typing import Any

from rich.table import Table

SECONDS_BETWEEN_PICTURES = 0.5


class NotebookTable:
    """A table that a notebook shows below the cell that runs; at most twice a second it is drawn anew."""

    def __init__(self, table: Callable[[], Table]) -> None:
        self._table = table
        self._shown: Any = None
        self._last = 0.0

    def changed(self) -> None:
        """Draw the table anew, unless it was drawn just now."""
        if time.monotonic() - self._last > SECONDS_BETWEEN_PICTURES:
            self.draw()

    def draw(self) -> None:
        """Draw the table as it is now."""
        from IPython.display import display  # which every notebook has, and nothing else needs

        self._last = time.monotonic()
        if self._shown is None:
            self._shown = display(self._table(), display_id=True)
        else:
            self._shown.update(self._table())
