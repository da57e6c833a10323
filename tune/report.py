"""The table of a study, from stored predictions: no GPU, no data set, no MLflow."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from fernn.metrics import accuracy
from tune.selection import RULE, choose_lr, mean_and_deviation
from tune.store import CellFolder
from tune.study import Cell, Study

COLUMNS = ("model", "parameters", "learning rate", "n", "validation accuracy", "test accuracy")


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
    """One row for each model that has a finished cell, in the order of the plan."""
    by_model: dict[str, list[CellResult]] = defaultdict(list)
    for found in results(study):
        by_model[found.cell.experiment.model.name].append(found)
    return [_model_row(study, model, found) for model, found in by_model.items()]


def _model_row(study: Study, model: str, found: Sequence[CellResult]) -> ModelRow:
    by_lr: dict[float, list[CellResult]] = defaultdict(list)
    for one in found:
        by_lr[one.cell.experiment.optim.lr].append(one)
    validation = {lr: [one.validation for one in ones] for lr, ones in by_lr.items()}
    lr = choose_lr(validation)
    chosen = by_lr[lr]
    test, deviation = mean_and_deviation([one.test for one in chosen])
    planned = [c for c in study.cells if c.experiment.model.name == model and c.experiment.optim.lr == lr]
    means = {rate: mean_and_deviation(values)[0] for rate, values in validation.items()}
    return ModelRow(model, chosen[0].num_parameters, lr, len(chosen), len(planned), means[lr], test, deviation, means)


def notes(study: Study) -> list[str]:
    """What must stand under every table of the study."""
    experiment = study.cells[0].experiment
    lines = [RULE, f"Protocol: {experiment.data.protocol}; split: {experiment.data.split}."]
    if study.demo:
        lines.append("DEMO: rendered stick figures, not KTH; these numbers compare with no published ones.")
    if study.partial:
        lines.append(f"PARTIAL: {absent(study.partial)}; these numbers compare with no published ones.")
    return lines


def absent(names: Sequence[str]) -> str:
    """Which videos or clips are not there: the first few by name, and how many more."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more} missing or skipped"


def markdown(study: Study) -> str:
    """The table as Markdown, with the notes under it."""
    lines = [COLUMNS, ("---",) * len(COLUMNS), *map(row_cells, model_rows(study))]
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return table + "\n\n" + "\n".join(notes(study)) + "\n"


def row_cells(row: ModelRow) -> tuple[str, ...]:
    """A row as text."""
    spread = "" if row.test_deviation is None else f" ± {row.test_deviation:.3f}"
    seeds = str(row.num_seeds) if row.num_seeds == row.num_planned else f"{row.num_seeds} of {row.num_planned}"
    return (
        row.model, f"{row.num_parameters:,}", f"{row.lr:g}", seeds, f"{row.validation:.3f}", f"{row.test:.3f}{spread}",
    )  # fmt: skip
