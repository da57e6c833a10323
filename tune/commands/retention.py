"""What a study keeps of its checkpoints, and what can be freed.

While a cell is trained it keeps three: the last epoch's and that of the epoch before, to go on from, and the best
epoch's weights. Of a cell that is done the best are needed, by the report, velocity evaluation and ``load_best``; the
others serve to train it for more epochs later, and can be freed.
"""

import json
import sys
from dataclasses import dataclass

from rich.prompt import Confirm
from rich.table import Table

from data.progress import say
from tune.core.cell_folder import BEFORE, LAST, CellFolder
from tune.core.console import tables
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


def collect(study: Study, yes: bool, as_json: bool) -> None:
    """Show what can be freed, then free it if that is wanted."""
    found = freeable(study)
    if not as_json:
        show(study, found)
    wanted = bool(found) and (yes or (not as_json and asked()))
    if wanted:
        for one in found:
            one.free()
    if as_json:
        cells = {one.folder.name: one.num_bytes for one in found}
        print(json.dumps({"study": study.name, "num_bytes": cells, "deleted": wanted}, indent=2))
    elif found:
        say("deleted" if wanted else "nothing deleted: --yes deletes it")


def asked() -> bool:
    """Whether somebody at a terminal says yes."""
    return sys.stdin.isatty() and Confirm.ask("Delete it?", default=False)


def show(study: Study, found: list[Freeable]) -> None:
    """What can be freed, cell by cell."""
    if not found:
        return say(f"study {study.name} keeps nothing of its finished cells but their best checkpoints")
    grid = Table(title=f"{study.name}: checkpoints to go on from, of finished cells", title_justify="left")
    grid.add_column("cell")
    grid.add_column("MB", justify="right")
    for one in found:
        grid.add_row(one.folder.name, f"{one.num_bytes / 1e6:.2f}")
    grid.add_section()
    grid.add_row("in all", f"{sum(one.num_bytes for one in found) / 1e6:.2f}")
    tables().print(grid)
