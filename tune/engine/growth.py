"""Training that goes on: a cell with more epochs continues from the end of an earlier one of the same training."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tune.core.cell_folder import CellFolder
from tune.core.study import Cell, Study


def copy_shorter_training(study: Study, cells: Sequence[Cell]) -> None:
    """Copy the longest shorter cell's training into each cell that has no checkpoint yet."""
    for cell, shorter in shorter_training(study, cells):
        folder = study.cell_folder(cell)
        if shorter is not None and not folder.has_checkpoint():
            folder.copy_training(shorter)


def epochs_done(study: Study, cells: Sequence[Cell]) -> dict[str, int]:
    """By key: the number of epochs each cell can skip, from its own checkpoint or a shorter cell's."""
    epochs = {}
    for cell, shorter in shorter_training(study, cells):
        rows = study.cell_folder(cell).resumable().rows
        epochs[cell.key] = len(rows or (shorter.resumable().rows if shorter is not None else []))
    return epochs


def shorter_training(study: Study, cells: Sequence[Cell]) -> list[tuple[Cell, CellFolder | None]]:
    """Each cell, and the folder of the same training with fewer epochs: the longest that has a checkpoint, if any."""
    if not cells:
        return []
    lengths: dict[str, dict[int, CellFolder]] = {}
    stored = study.stored_cells()
    for folder, config in zip(stored, study.folder.each(CellFolder.config, stored), strict=True):
        if config is not None:
            lengths.setdefault(_without_epochs(config), {})[config["experiment"]["epochs"]] = folder

    def longest(cell: Cell) -> CellFolder | None:
        by_length = sorted(lengths.get(_without_epochs(cell.config()), {}).items(), reverse=True)
        shorter = (folder for epochs, folder in by_length if epochs < cell.experiment.epochs)
        return next((folder for folder in shorter if folder.has_checkpoint()), None)

    return [(cell, longest(cell)) for cell in cells]


def _without_epochs(config: Mapping[str, Any]) -> str:
    experiment = {name: value for name, value in config["experiment"].items() if name != "epochs"}
    return json.dumps({**config, "experiment": experiment}, sort_keys=True)
