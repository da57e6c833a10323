"""Deletion of checkpoints that finished cells no longer need.

A cell has three checkpoints: the last epoch's and that of the epoch before, from which training continues, and the best
epoch's weights. The report, the measures and ``load_best`` need the best weights of a finished cell. The others are
needed only to train the cell for more epochs later.
"""

import sys
from collections.abc import Mapping

from rich.prompt import Confirm

from data.terminal import say
from tune.core.cell_folder import BEFORE, LAST
from tune.core.console import print_document, print_table
from tune.core.study import Study

DELETABLE = (LAST, BEFORE)


def deletable(study: Study) -> dict[str, int]:
    """By the name of a finished cell's folder: the bytes of its checkpoints that can be deleted, if it has any."""
    finished = [cell.folder for cell in study.stored_cells() if cell.done() is not None]
    return {folder.name: size for folder in finished if (size := sum(map(folder.size, DELETABLE)))}


def collect(study: Study, yes: bool, as_json: bool) -> None:
    """Show what can be deleted; delete it where the user agrees."""
    sizes = deletable(study)
    if not as_json:
        show(study, sizes)
    is_wanted = bool(sizes) and (
        yes or (not as_json and sys.stdin.isatty() and Confirm.ask("Delete it?", default=False))
    )
    if is_wanted:
        for cell in sizes:
            for name in DELETABLE:
                if study.folder.has(f"cells/{cell}/{name}"):
                    study.folder.delete(f"cells/{cell}/{name}")
    if as_json:
        print_document({"study": study.name, "num_bytes": sizes, "deleted": is_wanted})
    elif sizes:
        say("deleted" if is_wanted else "nothing deleted: --yes deletes it")


def show(study: Study, sizes: Mapping[str, int]) -> None:
    """Print the size of what can be deleted, for each cell and in total."""
    if not sizes:
        return say(f"study {study.name} keeps nothing of its finished cells but their best checkpoints")
    rows = [(name, f"{size / 1e6:.2f}") for name, size in [*sizes.items(), ("in all", sum(sizes.values()))]]
    print_table(f"{study.name}: checkpoints to go on from, of finished cells", ("cell", "MB"), rows, right=("MB",))
