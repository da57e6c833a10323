"""The numbers of a study, recomputed from the predictions its cells keep: no GPU, no data set, no MLflow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from fernn.experiment import Experiment
from fernn.metrics import accuracy
from tune.imported import ImportedCell, imported_cells, imported_folder
from tune.selection import choose_lr, mean_and_deviation
from tune.store import CellFolder
from tune.study import Cell, Study


@dataclass(frozen=True)
class CellResult:
    """One finished cell: accuracies of the best validation epoch, recomputed from its predictions."""

    cell: Cell
    num_parameters: int
    validation: float
    test: float


@dataclass(frozen=True)
class ModelRow:
    """One row of the table: a model with its chosen learning rate, over that rate's seeds."""

    model: str
    num_parameters: int
    lr: float
    num_seeds: int
    num_planned: int
    validation: float
    test: float
    test_deviation: float | None
    validation_by_lr: dict[float, float]
    chosen: tuple[CellResult, ...]
    """The finished cells of the chosen learning rate, one a seed."""
    where: Mapping[str, Any]
    """Values of searched fields that are neither model, learning rate nor seed."""
    label: str
    """The model, and what else tells its rows apart."""

    @property
    def experiment(self) -> Experiment:
        """The experiment of the row's first seed."""
        return self.chosen[0].cell.experiment

    @property
    def best(self) -> Cell:
        """Of the chosen learning rate's cells the one with the best validation accuracy, the lowest seed of equals."""
        return max(self.chosen, key=lambda one: (one.validation, -one.cell.experiment.seed)).cell

    def sentence(self) -> str:
        """The row in words."""
        spread = "" if self.test_deviation is None else f" ± {self.test_deviation:.3f} (sample standard deviation)"
        return (
            f"Test accuracy {self.test:.3f}{spread} over {self.num_seeds} of {self.num_planned} seeds at learning rate "
            f"{self.lr:g}, chosen by validation accuracy ({self.validation:.3f})."
        )

    def summary(self) -> dict[str, float]:
        """The row's numbers by name."""
        values = {
            "lr": self.lr,
            "num_seeds": float(self.num_seeds),
            "validation/accuracy_mean": self.validation,
            "test/accuracy_mean": self.test,
            "test/accuracy_deviation": self.test_deviation,
        }
        return {name: value for name, value in values.items() if value is not None}


def results(study: Study) -> list[CellResult]:
    """The finished cells of the study, in the order of the plan."""
    return [cell_result(cell, folder) for cell in study.cells if (folder := study.cell_folder(cell)).done() is not None]


def imported_results(study: Study) -> list[tuple[ImportedCell, CellResult]]:
    """The imported cells of the study with their accuracies."""
    return [(one, cell_result(one.cell, imported_folder(study, one))) for one in imported_cells(study)]


def cell_result(cell: Cell, folder: CellFolder) -> CellResult:
    """A finished cell's accuracies, from the logits it kept."""
    table = folder.predictions().to_pydict()
    found = {split: _accuracy(table, split) for split in ("validation", "test")}
    return CellResult(cell, (folder.done() or {})["num_parameters"], found["validation"], found["test"])


def _accuracy(table: dict[str, list], split: str) -> float:
    mine = [index for index, name in enumerate(table["split"]) if name == split]
    logits = torch.tensor([table["logits"][index] for index in mine])
    return accuracy(logits, torch.tensor([table["label"][index] for index in mine]))


def model_rows(study: Study) -> list[ModelRow]:
    """One row for each model that has a finished cell, in the order of the plan.

    A model has one row for each value of every further dimension that the study searches.
    """
    groups: dict[str, list[CellResult]] = {}
    for found in results(study):
        groups.setdefault(study.model_label(found.cell), []).append(found)
    return [_model_row(study, found) for found in groups.values()]


def _model_row(study: Study, found: Sequence[CellResult]) -> ModelRow:
    by_lr: dict[float, list[CellResult]] = {}
    for one in found:
        by_lr.setdefault(one.cell.experiment.optim.lr, []).append(one)
    validation = {lr: [one.validation for one in ones] for lr, ones in by_lr.items()}
    lr = choose_lr(validation)
    chosen, means = by_lr[lr], {rate: mean_and_deviation(values)[0] for rate, values in validation.items()}
    test, deviation = mean_and_deviation([one.test for one in chosen])
    first = chosen[0].cell
    return ModelRow(
        first.experiment.model.name, chosen[0].num_parameters, lr, len(chosen), _num_planned(study, first),
        means[lr], test, deviation, means, tuple(chosen), study.where(first), study.model_label(first),
    )  # fmt: skip


def registered_name(study: Study, row: ModelRow) -> str:
    """What the row's best checkpoint is called in MLflow's registry: "kth-figure5.grnn.velocity_range-1"."""
    return f"{study.name}.{row.label.replace(', ', '.').replace(' ', '-')}"


def _num_planned(study: Study, like: Cell) -> int:
    """How many seeds the study plans for the model and learning rate of a cell."""
    label, lr = study.model_label(like), like.experiment.optim.lr
    return sum(study.model_label(cell) == label and cell.experiment.optim.lr == lr for cell in study.cells)
