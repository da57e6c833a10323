"""More epochs in the same study: a longer cell continues from the end of the shorter one."""

import json
from collections.abc import Sequence
from typing import Any

from tune.core.cell_folder import CellFolder
from tune.core.study import Cell, Study

Shorter = dict[str, list[tuple[int, CellFolder]]]
"""By a cell's config without its epochs: each number of epochs in the study, and the folder of that cell."""


def copy_shorter_training(study: Study, cells: Sequence[Cell]) -> None:
    """Copy the longest shorter cell's training into each cell that has no checkpoint yet."""
    lengths = _lengths(study)
    for cell in cells:
        folder, shorter = study.cell_folder(cell), _longest_shorter(lengths, cell)
        if shorter is not None and not folder.has_checkpoint():
            folder.copy_training(shorter)


def epochs_done(study: Study, cells: Sequence[Cell]) -> dict[str, int]:
    """By key: the number of epochs each cell can skip, from its own checkpoint or a shorter cell's."""
    lengths, epochs = _lengths(study), {}
    for cell in cells:
        rows = study.cell_folder(cell).resumable().rows
        shorter = _longest_shorter(lengths, cell)
        epochs[cell.key] = len(rows or (shorter.resumable().rows if shorter is not None else []))
    return epochs


def _lengths(study: Study) -> Shorter:
    lengths: Shorter = {}
    for folder in study.stored_cells():
        if (config := folder.config()) is not None:
            lengths.setdefault(_without_epochs(config), []).append((config["experiment"]["epochs"], folder))
    return lengths


def _longest_shorter(lengths: Shorter, cell: Cell) -> CellFolder | None:
    """The folder of the same training with fewer epochs: the longest that has a checkpoint."""
    same = lengths.get(_without_epochs(cell.config()), [])
    shorter = [(epochs, folder) for epochs, folder in same if epochs < cell.experiment.epochs]
    by_length = sorted(shorter, key=lambda entry: -entry[0])
    return next((folder for _, folder in by_length if folder.has_checkpoint()), None)


def _without_epochs(config: dict[str, Any]) -> str:
    experiment = {name: value for name, value in config["experiment"].items() if name != "epochs"}
    return json.dumps(config | {"experiment": experiment}, sort_keys=True)
