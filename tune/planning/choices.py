"""The choices of a sampled study: those that its folder has, and the sampler's next round for each row of the table."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan
from typing import Any

from tune.analysis.objectives import Score, score, worst_score
from tune.analysis.statistics import mean_and_deviation
from tune.core.choice import Choice, frozen
from tune.core.identity import STUDY_FILE
from tune.core.protocol import load_study
from tune.core.study import RATE, Cell, Settings, Study
from tune.planning.sampling import Sampler

CellsAt = Callable[[Sequence[Settings]], tuple[Cell, ...]]
"""The cells at points, which are values by field."""


@dataclass(frozen=True)
class Row:
    """A row of the table, and the choices that it tries."""

    label: str
    point: Settings
    """The values of model and conditions, by field."""
    fields: Mapping[str, str]
    """The model's chosen fields, by dimension."""
    others: tuple[Choice, ...]
    """Choices of an earlier grid."""
    proposed: tuple[Choice, ...]
    """Those of the sampler, in order."""

    @property
    def choices(self) -> tuple[Choice, ...]:
        """All, the earlier grid's first."""
        return (*self.others, *self.proposed)

    def points(self, seeds: Iterable[int]) -> list[Settings]:
        """The values by field of each cell, those of a choice together."""
        chosen = [{self.fields[name]: value for name, value in choice.values} for choice in self.choices]
        return [{**self.point, **values, "seed": seed} for values in chosen for seed in seeds]


def with_choices(study: Study, sampler: Sampler, points: Sequence[Settings], cells_at: CellsAt) -> Study:
    """The study with the choices that its rows have tried, and the next round of each row whose rounds are finished.

    ``points`` are the values of model and conditions of each row, by field.
    """
    study = replace(study, sampling=sampler.facts())
    rows = rows_of(study, points, cells_at(points))
    tried = _planned(study, rows, cells_at)
    grown = []
    for row in rows:
        values = {choice: value_of(tried, tried.groups[row.label][choice]) for choice in row.choices}
        new = sampler.proposals(row.label, [*row.fields], values, foreign_scores(study.foreign, row.label))
        grown.append(replace(row, proposed=(*row.proposed, *new)))
    proposed = {row.label: [dict(choice.values) for choice in row.proposed] for row in grown}
    return replace(_planned(study, grown, cells_at), proposed=proposed)


def rows_of(study: Study, points: Sequence[Settings], cells: Sequence[Cell]) -> list[Row]:
    """The rows with the choices that the study's folder has; ``cells`` has one cell of each row."""
    stored: dict[str, dict[Choice, None]] = {}
    proposed: dict[str, dict[Choice, None]] = {}
    if study.folder.read(STUDY_FILE) is not None:
        saved = load_study(study.folder)
        for cell in saved.cells:
            stored.setdefault(study.model_label(cell), {})[study.choice(cell)] = None
        for label, choices in saved.proposed.items():
            proposed[label] = {Choice(frozen([*values.items()])): None for values in choices}
    rows = []
    for point, cell in zip(points, cells, strict=True):
        label = study.model_label(cell)
        known = proposed.get(label, {})
        others = tuple(choice for choice in stored.get(label, {}) if choice not in known)
        rows.append(Row(label, point, cell.fields((RATE, *study.tuned)), others, tuple(known)))
    return rows


def _planned(study: Study, rows: Sequence[Row], cells_at: CellsAt) -> Study:
    """The study with the cells of all choices, and in its space the values that they have."""
    points = [point for row in rows for point in row.points(study.space["seed"])]
    pairs = [pair for row in rows for choice in row.choices for pair in choice.values]
    used = {name: tuple(dict.fromkeys(value for key, value in pairs if key == name)) for name in (RATE, *study.tuned)}
    return replace(study, cells=cells_at(points) if points else (), space={**study.space, **used})


def value_of(study: Study, seeds: Sequence[Cell]) -> Score | None:
    """A choice's mean validation metric over seeds, or its objectives; None until all have them.

    A seed that was stopped before its first epoch, with the others of its choice, does not count, nor does one that a
    person stopped. One whose value is no number counts as the worst, and so does a choice of which no seed counts.
    """
    folders = [(cell, folder) for cell in seeds if not (folder := study.cell_folder(cell)).stopped_early()[1]]
    if not folders:
        return worst_score(study)
    if study.objectives or study.constraints:
        return score(study, [cell for cell, _ in folders])
    counted = [cell for cell, folder in folders if not study.settled(cell) or folder.history() or folder.diverged()]
    values = [value for cell in counted if (value := study.value(cell)) is not None]
    if not values or len(values) < len(counted):
        return None
    metric = seeds[0].metric
    mean = mean_and_deviation([metric.worst if isnan(value) else value for value in values])[0]
    return Score((metric.rank(mean),))


def foreign_scores(foreign: Mapping[str, Any], label: str) -> dict[Choice, Score]:
    """The points of a row in another study's, see :mod:`tune.planning.warm_start`."""
    return {
        Choice(frozen([*point["values"].items()])): Score(tuple(point["ranks"]), tuple(point["violations"]))
        for point in foreign.get("points", {}).get(label, ())
    }
