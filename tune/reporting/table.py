"""A study's table: its rows, and the remarks below them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from fernn.train.run import task_of
from fernn.train.task import Metric
from tune.analysis.objectives import front, goal_name, goals
from tune.analysis.published import missing_values, obstacles, published_value, search_of
from tune.analysis.results import CellResult, ModelRow, imported_results, model_rows
from tune.analysis.significance import against_published
from tune.analysis.statistics import selection_rule
from tune.core.choice import Choice, Domain, last_part, num_left, value_text
from tune.core.clips import openings_text
from tune.core.given_weights import ImportedCell, experiments
from tune.core.search_spec import Published, Search
from tune.core.study import RATE, Study, StudyError
from tune.reporting.stopping import scheduler_sentences

STAND_IN = "STAND-IN"
"""Marks a study on other data than its data set's name says."""


@dataclass(frozen=True)
class Table:
    """The study's table: trained rows, imported cells, and the search whose published numbers may stand beside them."""

    study: Study
    rows: Sequence[ModelRow]
    imported: Sequence[tuple[ImportedCell, CellResult]]
    search: Search | None
    obstacles: Sequence[str]

    @classmethod
    def of(cls, study: Study, found: Sequence[CellResult] | None = None) -> "Table":
        """The table of all that is finished; raises StudyError where nothing is. ``found`` as in :func:`model_rows`."""
        rows, imported = model_rows(study, found), imported_results(study)
        if not rows and not imported:
            raise StudyError(f"study {study.name!r} has no finished cell yet: run its search first")
        search = search_of(study)
        return cls(study, rows, imported, search, obstacles(study, search))

    @property
    def metric(self) -> Metric:
        """The metric of the table's numbers."""
        return task_of(experiments(self.study)[0].data).metric

    def texts(self, chosen: Sequence[str] = ()) -> list[tuple[str, ...]]:
        """Every row as text with the ``chosen`` columns, by default the study's own; the imported ones last."""
        chosen = chosen or study_columns(self.study)
        trained = [row_cells(row, chosen) for row in self.rows]
        return [*trained, *(imported_row_cells(*row, chosen) for row in self.imported)]

    def published(self, row: ModelRow) -> Published | None:
        """The published value beside a row, None where none is known or may be shown."""
        return None if self.obstacles or self.search is None else published_value(row, self.search)

    def remarks(self) -> list[str]:
        """The remarks below the table: rule, protocol, marks, and what is missing."""
        imported = ["Imported rows: weights from a file, not trained and not selected here."] * bool(self.imported)
        own = [*notes(self.study), *infeasible(self.study, self.rows), *law_breaches(self.rows)]
        return [*own, *self._published_remarks(), *imported]

    def _published_remarks(self) -> list[str]:
        if self.obstacles or self.search is None:
            return [f"No published values stand here: {'; '.join(self.obstacles)}."]
        missing = missing_values(self.rows, self.search)
        return [f"Published values not found: {', '.join(missing)}."] if missing else []


def notes(study: Study) -> list[str]:
    """The remarks below every table of the study; raises StudyError for a study without a cell."""
    if not experiments(study):
        raise StudyError(f"study {study.name!r} has no cell: run its search first")
    data = experiments(study)[0].data
    rule = selection_rule(task_of(data).metric, experiments(study)[0], study.tuned, goals(study))
    lines = [rule, *strategy(study), data.note()]
    lines += [f"{mark}; these numbers compare with no published ones." for mark in mark_lines(study)]
    models = [cell.experiment.model for cell in study.cells]
    lines += [OWN.format(name=name) for name in dict.fromkeys(model.name for model in models if model.is_own)]
    return lines + openings_text(study) + diverged(study) + incomplete(study)


OWN = "A model of a user's own, imported only where it is named, as in --models {name}, to measure or retrain it."


def mark_lines(study: Study) -> list[str]:
    """Each reason why the numbers do not compare with published ones."""
    demo = f"DEMO: {experiments(study)[0].data.demo_note}" if study.demo else ""
    partial = f"PARTIAL: {absent(study.partial)}" if study.partial else ""
    stand_in = f"{STAND_IN}: {study.stand_in}" if study.stand_in else ""
    return [mark for mark in (demo, stand_in, partial) if mark]


def infeasible(study: Study, rows: Sequence[ModelRow]) -> list[str]:
    """A remark for each row of which no choice meets the constraints."""
    return [
        f"INFEASIBLE: no choice of {row.label} meets {', '.join(study.constraints)}; the least violating one is shown."
        for row in rows
        if row.scores and not row.scores[row.choice].is_feasible
    ]


def law_breaches(rows: Sequence[ModelRow]) -> list[str]:
    """A remark for each best checkpoint that breaks the law of flow equivariance where it must hold."""
    return [
        f"EQUIVARIANCE: the best checkpoint of {row.label} gets no alias “best”: {'; '.join(row.breaches)}."
        for row in rows
        if row.breaches
    ]


def diverged(study: Study) -> list[str]:
    """A remark on the cells that have no result because their loss was not finite, where there are any."""
    names = [study.label(cell) for cell in study.diverged()]
    which = "Choices" if study.tuned else "Learning rates"
    text = f"DIVERGED, and without a result: {', '.join(names)}. {which} with all seeds come before theirs."
    return [text] if names else []


def incomplete(study: Study) -> list[str]:
    """A remark on the cells that have no result yet, where there are any."""
    missing, to_come = len(study.missing()), study.num_to_come
    more = f", and {to_come} more are to be proposed" if to_come else ""
    text = f"INCOMPLETE: {missing} of {len(study.cells)} cells have no result yet{more}."
    return [text] if missing or to_come else []


def strategy(study: Study) -> list[str]:
    """A sentence on the sampler, and one on the scheduler, where they were used."""
    sentences = []
    if study.sampling:
        name, which = study.sampling["sampler"], "Choices" if study.tuned else "Learning rates"
        means = (
            ""
            if name in ("qmc", "random")
            else f" from mean {', '.join(study.objectives) or f'validation {study.metric.title}'}"
        )
        texts = {key: Domain.of(facts).text for key, facts in study.sampling["ranges"].items()}
        domains = "; ".join(f"{key} {text}" for key, text in texts.items()) if study.tuned else texts[RATE]
        sentences.append(f"{which}: proposed for each model by Optuna's {name.upper()} sampler{means}, {domains}.")
        if tried_out := [label for label, choices in study.groups.items() if is_tried_out(study, [*choices])]:
            sentences.append(f"All choices are tried, fewer than --num-samples: {', '.join(tried_out)}.")
    if study.foreign:
        number, name = sum(map(len, study.foreign["points"].values())), study.foreign["study"]
        sentences.append(f"Warm start: the sampler knew {number} choices of study {name}; they are not in the table.")
    return [*sentences, *scheduler_sentences(study)]


def is_tried_out(study: Study, choices: Sequence[Choice]) -> bool:
    """Whether a row has all choices that its sampler may propose, and these are fewer than it was to try."""
    number, domains = study.sampling["num_samples"], study.domains(choices[0])
    return len(choices) < number and not num_left(number, domains, choices)


def absent(names: Sequence[str]) -> str:
    """The missing videos or clips: the first three by name, and the number of the others."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more} missing or skipped"


def marks(study: Study) -> str:
    """The marks of every form of the table: those of DEMO, STAND-IN and PARTIAL that apply."""
    reasons = (("DEMO", study.demo), (STAND_IN, study.stand_in), ("PARTIAL", study.partial))
    return " ".join(mark for mark, holds in reasons if holds)


MOST_COLUMNS = 4
"""Chosen fields beyond this number share one column."""


FRONT = "on the front"
"""The column with the number of choices on the Pareto front."""


def chosen_columns(tuned: Iterable[str], goals: Iterable[str] = ()) -> tuple[str, ...]:
    """The header of the choice: the learning rate, and each tuned field by the last part of its name.

    With objectives or constraints, ``goals`` as a study has them, also what the choice reaches, and the Pareto front.
    """
    names = dict.fromkeys(map(last_part, tuned))
    chosen = ("learning rate", *names) if len(names) < MOST_COLUMNS else ("chosen",)
    reached = dict.fromkeys(map(goal_name, goals))
    return (*chosen, *reached, FRONT) if reached else chosen


def study_columns(study: Study) -> tuple[str, ...]:
    """The columns of the study's choices."""
    own = f"validation/{study.metric.name}" if study.cells else ""  # which has a column in every table
    goals = (*study.objectives, *study.constraints)
    return chosen_columns(study.tuned, [goal for goal in goals if goal_name(goal) != own])


def chosen_cells(row: ModelRow, chosen: Sequence[str]) -> tuple[str, ...]:
    """A choice as text, by the columns of :func:`chosen_columns`; empty where the model does not have a field."""
    values = row.choice.values
    texts = {"learning rate" if name == RATE else last_part(name): value_text(value) for name, value in values}
    texts["chosen"] = row.choice.text
    if row.scores:
        texts |= {name: f"{mean:.4g}" for name, mean in row.scores[row.choice].means.items()}
        texts[FRONT] = f"{len(front(row.scores))} of {len(row.scores)} choices"
    return tuple(texts.get(name, "") for name in chosen)


def columns(metric: Metric, chosen: Sequence[str] = chosen_columns(())) -> tuple[str, ...]:
    """The table's header."""
    return "model", "parameters", *chosen, "n", f"validation {metric.title}", f"test {metric.title}"


def row_cells(row: ModelRow, chosen: Sequence[str]) -> tuple[str, ...]:
    """A row as text."""
    metric, test = row.metric, row.metric.spread(row.test, row.test_deviation)
    seeds = str(row.num_seeds) if row.num_seeds == row.num_planned else f"{row.num_seeds} of {row.num_planned}"
    return (
        row.label, f"{row.num_parameters:,}", *chosen_cells(row, chosen), seeds, metric.text(row.validation),
        test,
    )  # fmt: skip


def imported_row_cells(imported: ImportedCell, result: CellResult, chosen: Sequence[str]) -> tuple[str, ...]:
    """An imported cell as text; it has no choice."""
    model = f"{imported.cell.experiment.model.label} (imported, not trained here: {imported.file_name})"
    metric = imported.cell.metric
    blank, numbers = [""] * len(chosen), (metric.text(result.validation), metric.text(result.test))
    return model, f"{result.num_parameters:,}", *blank, "1", *numbers


def records(table: Table) -> list[dict[str, Any]]:
    """The rows by name, with all digits; published values only where they may stand."""
    validation, test = f"validation_{table.metric.name}", f"test_{table.metric.name}"
    trained = [
        {
            "model": row.model, "where": dict(row.where), "origin": "trained here", "parameters": row.num_parameters,
            "learning_rate": row.choice.rate, **_choice(table, row), "n": row.num_seeds,
            "n_planned": row.num_planned, validation: row.validation, test: row.test,
            "test_deviation": row.test_deviation, **_published_record(table, row),
        }
        for row in table.rows
    ]  # fmt: skip
    elsewhere = [
        {
            "model": imported.cell.experiment.model.name, "where": {},
            "origin": f"imported, not trained here: {imported.file_name} (sha256 {imported.sha256})",
            "parameters": result.num_parameters, "learning_rate": None, **_choice(table, None), "n": 1, "n_planned": 1,
            validation: result.validation, test: result.test, "test_deviation": None, **_published_record(table, None),
        }
        for imported, result in table.imported
    ]  # fmt: skip
    return trained + elsewhere


def _choice(table: Table, row: ModelRow | None) -> dict[str, Any]:
    """The tuned fields' values, what the choice reaches and the Pareto front, where the study has any."""
    facts: dict[str, Any] = {"chosen": dict(row.choice.values) if row else None} if table.study.tuned else {}
    if table.study.objectives or table.study.constraints:
        scores = row.scores if row else {}
        facts["objectives"] = dict(scores[row.choice].means) if row and scores else None
        facts["feasible"] = scores[row.choice].is_feasible if row and scores else None
        on_front = [{"choice": dict(one.values), "objectives": dict(scores[one].means)} for one in front(scores)]
        facts["front"] = on_front
    return facts


def _published_record(table: Table, row: ModelRow | None) -> dict[str, Any]:
    if table.obstacles:
        return {}
    value = None if row is None else table.published(row)
    compared = None if row is None or value is None else against_published(row, value)
    low, high = compared.interval or (None, None) if compared else (None, None)
    return {
        "published": value and value.mean, "published_deviation": value and value.deviation,
        "source": value and value.source, "certainty": value and value.certainty,
        "difference": compared and compared.delta, "difference_low": low, "difference_high": high,
        "verdict": compared and compared.verdict,
    }  # fmt: skip
