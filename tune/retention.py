"""What a study keeps of its checkpoints, and what can be freed.

While a cell is trained it keeps three: the last epoch's and that of the epoch before, to go on from, and the best
epoch's weights. Of a cell that is done the best are needed, by the report, velocity evaluation and ``load_best``; the
others serve to train it for more epochs later, and can be freed.
"""

from dataclasses import dataclass

from tune.store import BEFORE, LAST, CellFolder
from tune.study import Cell, Study

FREEABLE = (LAST, BEFORE)


@dataclass(frozen=True)
class Freeable:
    """A finished cell and what it keeps beyond its best checkpoint."""

    cell: Cell
    folder: CellFolder
    num_bytes: int

    def free(self) -> None:
        """Delete it."""
        for name in FREEABLE:
            if self.folder.folder.has(name):
                self.folder.folder.delete(name)


def freeable(study: Study) -> list[Freeable]:
    """The finished cells of the study that have something to free."""
    finished = [(cell, folder) for cell in study.cells if (folder := study.cell_folder(cell)).done() is not None]
    sizes = [(cell, folder, sum(map(folder.folder.size, FREEABLE))) for cell, folder in finished]
    return [Freeable(cell, folder, size) for cell, folder, size in sizes if size]
