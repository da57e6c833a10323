"""The numbers of a study, recomputed from the predictions its cells keep: no GPU, no data set, no MLflow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fernn.equivariance import breaches
from fernn.experiment import Experiment
from fernn.train.fields import FieldScores
from fernn.train.run import task_of
from fernn.train.task import Metric, Predictions
from fernn.train.video import FrameScores
from tune.analysis.objectives import Score, choose_on_front, score
from tune.analysis.statistics import choose, mean_and_deviation
from tune.core.cell_folder import CellFolder
from tune.core.choice import Choice, last_part
from tune.core.given_weights import ImportedCell, imported_cells, imported_folder
from tune.core.result import Result
from tune.core.study import Cell, Study

Fields = Mapping[str, Sequence[FieldScores]]
"""By row: the test scores of each seed."""
P = TypeVar("P", bound=Predictions)
Curves = Mapping[str, Mapping[str, NDArray[np.float64]]]
"""By row and score: the mean over test clips (seeds, horizon)."""
TITLES = {"mse": "MSE, summed over pixels", "psnr": "PSNR (dB)", "ssim": "SSIM"}


@dataclass(frozen=True)
class CellResult:
    """One finished cell: the metric of the best validation epoch, recomputed from its predictions."""

    cell: Cell
    num_parameters: int
    validation: float
    test: float
    law_errors: Mapping[str, float]
    """See :func:`fernn.equivariance.law_errors`; empty where there is nothing to measure, or nothing was."""

    @property
    def breaches(self) -> list[str]:
        """Where the equivariance errors exceed their tolerance, in words."""
        return breaches(self.law_errors)


@dataclass(frozen=True)
class ModelRow:
    """One row of the table: a model with its best choice, over that choice's seeds."""

    model: str
    num_parameters: int
    choice: Choice
    num_seeds: int
    num_planned: int
    validation: float
    test: float
    test_deviation: float | None
    by_choice: Mapping[Choice, Sequence[CellResult]]
    """The finished cells of every choice, one for each seed."""
    where: Mapping[str, Any]
    """Values of searched fields that make rows of their own."""
    label: str
    """The model, and the values in ``where`` that distinguish its rows."""
    scores: Mapping[Choice, Score] = field(default_factory=dict)
    """By choice, of those with the most finished seeds: what it reaches in the study's objectives and constraints."""

    @property
    def chosen(self) -> Sequence[CellResult]:
        """The finished cells of the choice."""
        return self.by_choice[self.choice]

    @property
    def validation_by_choice(self) -> dict[Choice, float]:
        """The mean validation metric over seeds of every choice."""
        values = {choice: [result.validation for result in cells] for choice, cells in self.by_choice.items()}
        return {choice: mean_and_deviation(seeds)[0] for choice, seeds in values.items()}

    @property
    def experiment(self) -> Experiment:
        """The experiment of the row's first seed."""
        return self.chosen[0].cell.experiment

    @property
    def best(self) -> Cell:
        """The chosen cell with the best validation metric; of equal cells, that of the lowest seed."""
        rank = self.metric.rank
        return max(self.chosen, key=lambda result: (rank(result.validation), -result.cell.experiment.seed)).cell

    @property
    def breaches(self) -> list[str]:
        """Where the best checkpoint breaks the law of flow equivariance, in words; empty where it does not."""
        return next(result.breaches for result in self.chosen if result.cell == self.best)

    @property
    def metric(self) -> Metric:
        """The metric of the row's numbers."""
        return self.chosen[0].cell.metric

    def sentence(self) -> str:
        """The row in words."""
        by = "chosen by the objectives, with" if self.scores else "chosen by"
        metric, spread = self.metric, "" if self.test_deviation is None else " (sample standard deviation)"
        return (
            f"Test {metric.title} {metric.spread(self.test, self.test_deviation)}{spread} over {self.num_seeds} of "
            f"{self.num_planned} seeds at {self.choice.words}, {by} validation {metric.title} "
            f"({metric.text(self.validation)})."
        )

    def summary(self) -> dict[str, float]:
        """The row's numbers by name."""
        numbers = {name: value for name, value in self.choice.values if isinstance(value, int | float)}
        values = {
            **{last_part(name): float(value) for name, value in numbers.items()},
            "num_seeds": float(self.num_seeds),
            f"validation/{self.metric.name}_mean": self.validation,
            f"test/{self.metric.name}_mean": self.test,
            f"test/{self.metric.name}_deviation": self.test_deviation,
        }
        return {name: value for name, value in values.items() if value is not None}


def results(study: Study) -> list[CellResult]:
    """The finished cells of the study, in the order of the plan."""

    def result_of(cell: Cell) -> CellResult | None:
        folder = study.cell_folder(cell)
        return None if folder.done() is None else cell_result(cell, folder)

    return [result for result in study.folder.each(result_of, study.cells) if result is not None]


def imported_results(study: Study) -> list[tuple[ImportedCell, CellResult]]:
    """The imported cells of the study with their results."""
    return [(cell, cell_result(cell.cell, imported_folder(study, cell))) for cell in imported_cells(study)]


def cell_result(cell: Cell, folder: CellFolder) -> CellResult:
    """A finished cell's metric, from the predictions it kept."""
    table, done = folder.predictions(), folder.done() or Result()
    validation, test = (
        _predictions(cell, table, split).metrics()[cell.metric.name] for split in ("validation", "test")
    )
    return CellResult(cell, done.num_parameters or 0, validation, test, done.law_errors)


def _predictions(cell: Cell, table: pa.Table, split: str) -> Predictions:
    columns = table.filter(pc.equal(table["split"], split)).to_pydict()
    return task_of(cell.experiment.data).kind.of(columns["id"], columns)


def test_predictions(cell: Cell, folder: CellFolder) -> Predictions:
    """A finished cell's predictions of the test clips."""
    return _predictions(cell, folder.predictions(), "test")


def seed_predictions(study: Study, rows: Sequence[ModelRow], kind: type[P]) -> dict[str, list[P]]:
    """By row, the test predictions of its chosen seeds; empty where those of the study are of another kind."""
    by_row: dict[str, list[P]] = {}
    for row in rows:
        for result in row.chosen:
            seed = test_predictions(result.cell, study.cell_folder(result.cell))
            if isinstance(seed, kind):
                by_row.setdefault(row.label, []).append(seed)
    return by_row


def frame_curves(study: Study, rows: Sequence[ModelRow]) -> Curves:
    """The scores of each row's chosen seeds; empty where the study does not predict videos."""
    return {
        label: {name: np.stack([seed.values[name].double().mean(dim=0).numpy() for seed in seeds]) for name in TITLES}
        for label, seeds in seed_predictions(study, rows, FrameScores).items()
    }


def model_rows(study: Study, found: Sequence[CellResult] | None = None) -> list[ModelRow]:
    """One row for each model that has a finished cell, in the order of the plan.

    A model has one row for each value of every further dimension that the study searches. ``found``: the
    :func:`results`, where they are known.
    """
    groups: dict[str, list[CellResult]] = {}
    for result in results(study) if found is None else found:
        groups.setdefault(study.model_label(result.cell), []).append(result)
    return [_model_row(study, group) for group in groups.values()]


def _model_row(study: Study, group: Sequence[CellResult]) -> ModelRow:
    by_choice: dict[Choice, list[CellResult]] = {}
    for result in group:
        by_choice.setdefault(study.choice(result.cell), []).append(result)
    validation = {choice: [result.validation for result in cells] for choice, cells in by_choice.items()}
    scores, label = finished_scores(study, by_choice), study.model_label(group[0].cell)
    choice = choose_on_front(scores) if scores else choose(validation, study.metric)
    chosen, first = by_choice[choice], by_choice[choice][0].cell
    test, deviation = mean_and_deviation([result.test for result in chosen])
    return ModelRow(
        first.experiment.model.name, chosen[0].num_parameters, choice, len(chosen), len(study.groups[label][choice]),
        mean_and_deviation(validation[choice])[0], test, deviation, by_choice, study.where(first), label,
        scores,
    )  # fmt: skip


def finished_scores(study: Study, by_choice: Mapping[Choice, Sequence[CellResult]]) -> dict[Choice, Score]:
    """By choice, of those with the most finished seeds: its objectives and constraints; empty where there are none."""
    if not (study.objectives or study.constraints):
        return {}
    most = max(map(len, by_choice.values()))
    complete = {choice: [seed.cell for seed in seeds] for choice, seeds in by_choice.items() if len(seeds) == most}
    return {choice: found for choice, cells in complete.items() if (found := score(study, cells)) is not None}


def registered_name(study: Study, row: ModelRow) -> str:
    """The name of the row's model in MLflow's registry: "kth-figure5.grnn.velocity_range-1"."""
    return f"{study.name}.{row.label.replace(', ', '.').replace(' ', '-')}"
