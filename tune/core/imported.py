"""Cells that were trained elsewhere: the study holds their weights and predictions, but they are not its grid's."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fernn.experiment import Experiment
from tune.core.cell_folder import CellFolder
from tune.core.study import Cell, Study, cell_of

FOLDER = "imported"
STATUS = "imported"
"""What ``done.json`` of such a cell says, where a trained one says "finished"."""


@dataclass(frozen=True)
class ImportedCell:
    """A model on one version of the data, with weights from a file.

    Of the experiment, what belongs to training alone (learning rate, epochs) was never used.
    """

    cell: Cell
    file_name: str
    sha256: str
    """Of the whole file."""

    def config(self) -> dict[str, Any]:
        """Everything that decides the cell's result, by name, and where its weights came from."""
        return self.cell.config() | {"imported": {"sha256": self.sha256, "name": self.file_name}}

    @property
    def key(self) -> str:
        """Twelve hexadecimal digits: equal key, equal weights and evaluation, whatever the file is called."""
        text = json.dumps(self.cell.config() | {"imported": self.sha256}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def name(self) -> str:
        """The name of its folder."""
        return f"{self.cell.experiment.model.label}_{self.key}"


def imported_folder(study: Study, imported: ImportedCell) -> CellFolder:
    """Where the cell is kept: beside the study's cells, in the same layout."""
    return CellFolder(study.folder / f"{FOLDER}/{imported.name}")


def imported_cells(study: Study) -> tuple[ImportedCell, ...]:
    """The imported cells that have a result, by name of their folder."""
    folders = [CellFolder(study.folder / f"{FOLDER}/{name}") for name in study.folder.children(FOLDER)]
    return tuple(imported_of(folder.config() or {}) for folder in folders if folder.done() is not None)


def imported_of(config: Mapping[str, Any]) -> ImportedCell:
    """The cell that wrote ``config`` as its :meth:`ImportedCell.config`."""
    return ImportedCell(cell_of(config), config["imported"]["name"], config["imported"]["sha256"])


def experiments(study: Study) -> list[Experiment]:
    """The experiments of the study's cells; of the imported ones where it has no other."""
    return [one.experiment for one in study.cells or [imported.cell for imported in imported_cells(study)]]
