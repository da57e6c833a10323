"""More epochs in the same study: a longer cell goes on from where the shorter one ended."""

import json
from collections.abc import Sequence
from typing import Any

from tune.core.cell_folder import CellFolder
from tune.core.study import Cell, Study

Shorter = dict[str, list[tuple[int, CellFolder]]]
"""By a cell's config without its epochs: the numbers of epochs that the study has it with."""


def copy_shorter_training(study: Study, cells: Sequence[Cell]) -> None:
    """Let each cell that has no checkpoint yet begin with that of the longest shorter one, where there is one."""
    known = known_lengths(study)
    for cell in cells:
        folder, shorter = study.cell_folder(cell), longest_shorter(known, cell)
        if shorter is not None and not folder.has_checkpoint():
            folder.adopt(shorter)


def epochs_done(study: Study, cells: Sequence[Cell]) -> dict[str, int]:
    """By key: how many epochs each cell will not have to train, from its own checkpoint or a shorter cell's."""
    known, found = known_lengths(study), {}
    for cell in cells:
        rows = study.cell_folder(cell).resumable().rows
        shorter = longest_shorter(known, cell)
        found[cell.key] = len(rows or (shorter.resumable().rows if shorter is not None else []))
    return found


def known_lengths(study: Study) -> Shorter:
    """What the study's folder holds."""
    known: Shorter = {}
    for name in study.folder.children("cells"):
        folder = CellFolder(study.folder / f"cells/{name}")
        if (config := folder.config()) is not None:
            known.setdefault(without_epochs(config), []).append((config["experiment"]["epochs"], folder))
    return known


def longest_shorter(known: Shorter, cell: Cell) -> CellFolder | None:
    """The cell's own training with fewer epochs, the longest that has a checkpoint."""
    lengths = sorted(known.get(without_epochs(cell.config()), []), key=lambda entry: -entry[0])
    for epochs, folder in lengths:
        if epochs < cell.experiment.epochs and folder.has_checkpoint():
            return folder
    return None


def without_epochs(config: dict[str, Any]) -> str:
    """The config as text, but for how long it is trained."""
    experiment = {name: value for name, value in config["experiment"].items() if name != "epochs"}
    return json.dumps(config | {"experiment": experiment}, sort_keys=True)
