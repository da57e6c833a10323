"""What a study keeps of its checkpoints, and what can be freed.

While a cell is trained it keeps three: the last epoch's and that of the epoch before, to go on from, and the best
epoch's weights. Of a cell that is done the best are needed, by the report, velocity evaluation and ``load_best``; the
others serve to train it for more epochs later, and can be freed.
"""

from dataclasses import dataclass

from tune.core.cell_folder import BEFORE, LAST, CellFolder
from tune.core.folder import Folder
from tune.core.study import Study

FREEABLE = (LAST, BEFORE)


@dataclass(frozen=True)
class Freeable:
    """A finished cell's folder and what it keeps beyond its best checkpoint."""

    folder: Folder
    num_bytes: int

    def free(self) -> None:
        """Delete it."""
        for name in FREEABLE:
            if self.folder.has(name):
                self.folder.delete(name)


def freeable(study: Study) -> list[Freeable]:
    """The finished cells in the study's folder that have something to free, those of fewer epochs among them."""
    folders = [CellFolder(study.folder / f"cells/{name}") for name in study.folder.children("cells")]
    finished = [cell.folder for cell in folders if cell.done() is not None]
    sizes = [(folder, sum(map(folder.size, FREEABLE))) for folder in finished]
    return [Freeable(folder, size) for folder, size in sizes if size]
