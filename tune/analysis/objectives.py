"""Several objectives, and constraints: what a choice reaches in each, which choices are on the front, which is chosen.

An objective is a metric that cells record, by its name in ``metrics.jsonl``, or one of :data:`OF_CELLS`. Its value is
the mean over the seeds of a choice.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, isnan
from typing import Self

import numpy as np

from fernn.train.task import Metric
from tune.core.choice import Choice
from tune.core.result import Result
from tune.core.study import Cell, Study

OF_CELLS: Mapping[str, Callable[[Result], float]] = {
    "num_parameters": lambda done: float(done.num_parameters or 0),
    "law_error": lambda done: max(done.law_errors.values(), default=0.0),
    "time/train_seconds": lambda done: done.train_seconds or 0.0,
    "time/validation_seconds": lambda done: done.validation_seconds or 0.0,
    "time/gpu_seconds": lambda done: done.seconds * (done.held("gpus") or 0.0),
}
"""What a whole cell has: its size, the largest error of the law, and its time; with a GPU, times the share it held."""
LOWER = ("loss", "mse", "rmse", "error", "errors", "ese", "seconds", "bytes", "parameters", "norm", "share")
HIGHER = ("accuracy", "psnr", "ssim", "second")
"""Last words of metrics' names, by the direction that is better; clips_per_second is the faster the higher."""
PLACES = ("validation/", "train/", "time/", "memory/")
CONSTRAINT = re.compile(r"(?P<name>[^<>=\s]+)\s*(?P<sign><=|>=)\s*(?P<bound>\S+)")


@dataclass(frozen=True)
class Objective:
    """A number of a cell, and which of its values are better."""

    name: str
    higher_is_better: bool

    @classmethod
    def of(cls, text: str, metric: Metric, option: str = "--objective") -> Self:
        """Of ``NAME``, ``max:NAME`` or ``min:NAME``; raises ValueError where the name or its direction is not known."""
        head, separator, rest = text.partition(":")
        way, name = (head, rest) if separator and head in ("max", "min") else ("", text)
        if name.startswith(("test/", "best/test")):
            raise ValueError(f"{option} {name} must not be of test clips, on which nothing is chosen")
        if name not in OF_CELLS and not name.startswith(PLACES):
            known = ", ".join([f"validation/{metric.name}", *OF_CELLS])
            raise ValueError(f"{option} {name} must begin with validation/, train/, time/ or memory/, or be of {known}")
        if way:
            return cls(name, way == "max")
        if name == f"validation/{metric.name}":
            return cls(name, metric.higher_is_better)
        last = re.split(r"[/_]", name)[-1]
        if last not in LOWER + HIGHER:
            raise ValueError(f"{option} {name} must say which values are better: give max:{name} or min:{name}")
        return cls(name, last in HIGHER)

    def value(self, study: Study, cell: Cell) -> float | None:
        """Of a finished cell; the worst where it diverged or did not record it, None where it is not finished."""
        folder = study.cell_folder(cell)
        if (done := folder.done()) is None:
            return self.worst if folder.diverged() else None
        if self.name in OF_CELLS:
            return OF_CELLS[self.name](done)
        rows = [row[self.name] for row in folder.history() if self.name in row]
        if self.name.startswith("memory/"):
            return max(rows, default=self.worst)
        at_best = [row.get(self.name) for row in folder.history() if row["epoch"] == done.best_epoch]
        found = done.metrics.get(self.name, at_best[0] if at_best else None)
        return self.worst if found is None or isnan(found) else found

    @property
    def worst(self) -> float:
        """The value that no other is below."""
        return -inf if self.higher_is_better else inf

    def rank(self, value: float) -> float:
        """A number that is larger where the value is better."""
        return value if self.higher_is_better else -value


@dataclass(frozen=True)
class Constraint:
    """A bound on the mean of an objective over seeds."""

    objective: Objective
    bound: float

    @classmethod
    def of(cls, text: str) -> Self:
        """Of ``NAME<=BOUND`` or ``NAME>=BOUND``; raises ValueError for anything else."""
        found = CONSTRAINT.fullmatch(text)
        try:
            bound = float(found["bound"]) if found else inf
        except ValueError:
            bound = inf
        if found is None or not abs(bound) < inf:
            raise ValueError(f"--constraint must read NAME<=NUMBER or NAME>=NUMBER, got {text!r}")
        way = "max" if found["sign"] == ">=" else "min"
        return cls(Objective.of(f"{way}:{found['name']}", Metric("", "", "", True, 0.0), "--constraint"), bound)

    def violation(self, value: float) -> float:
        """How far the value lies outside, 0 or less inside."""
        return self.bound - value if self.objective.higher_is_better else value - self.bound


@dataclass(frozen=True)
class Score:
    """What a choice reaches: its objectives' ranks, to be maximized, and how far it violates each constraint."""

    ranks: tuple[float, ...]
    violations: tuple[float, ...] = ()
    means: Mapping[str, float] = field(default_factory=dict, compare=False)
    """The mean of each objective, and of what is constrained, by name."""

    @property
    def is_feasible(self) -> bool:
        """Whether it meets every constraint."""
        return all(violation <= 0 for violation in self.violations)

    def dominates(self, other: "Score") -> bool:
        """Whether it is as good in every objective, and better in one."""
        pairs = [*zip(self.ranks, other.ranks, strict=True)]
        return all(mine >= theirs for mine, theirs in pairs) and any(mine > theirs for mine, theirs in pairs)


def objectives_of(study: Study) -> list[Objective]:
    """The study's objectives, the first of which chooses on the front; by default its validation metric alone."""
    return [Objective.of(text, study.metric) for text in study.objectives or (f"validation/{study.metric.name}",)]


def means(study: Study, objectives: Sequence[Objective], cells: Sequence[Cell]) -> list[float] | None:
    """The mean of each objective over cells; None while one is not finished. Ties are not broken by a last digit."""
    values = [[objective.value(study, cell) for objective in objectives] for cell in cells]
    if not values or any(value is None for seed in values for value in seed):
        return None
    return [round(float(np.mean(seeds)), 12) for seeds in zip(*values, strict=True)]


def score(study: Study, cells: Sequence[Cell]) -> Score | None:
    """The score of the cells of a choice; None while one is not finished."""
    objectives, constraints = objectives_of(study), [*map(Constraint.of, study.constraints)]
    found = means(study, [*objectives, *(constraint.objective for constraint in constraints)], cells)
    if found is None:
        return None
    ranks = tuple(objective.rank(value) for objective, value in zip(objectives, found, strict=False))
    bounded = zip(constraints, found[len(objectives) :], strict=True)
    names = [*(one.name for one in objectives), *(one.objective.name for one in constraints)]
    violations = tuple(constraint.violation(value) for constraint, value in bounded)
    return Score(ranks, violations, dict(zip(names, found, strict=True)))


def worst_score(study: Study) -> Score:
    """The score of a choice that has no cell to count: no other is below it."""
    if not (study.objectives or study.constraints):
        return Score((study.metric.rank(study.metric.worst),))
    return Score(tuple(one.rank(one.worst) for one in objectives_of(study)), (inf,) * len(study.constraints))


def front(scores: Mapping[Choice, Score]) -> list[Choice]:
    """The feasible choices that no other feasible one dominates, in order."""
    feasible = {choice: one for choice, one in scores.items() if one.is_feasible}
    return [choice for choice, one in feasible.items() if not any(other.dominates(one) for other in feasible.values())]


def choose_on_front(scores: Mapping[Choice, Score]) -> Choice:
    """The choice on the front that is best by the first objective; without a feasible one the least violating."""
    if choices := front(scores):
        return min(choices, key=lambda choice: (-scores[choice].ranks[0], choice.order))

    def violation(choice: Choice) -> float:
        return sum(max(0.0, part) for part in scores[choice].violations)

    return min(scores, key=lambda choice: (violation(choice), -scores[choice].ranks[0], choice.order))


def goal_name(text: str) -> str:
    """The name in an objective or a constraint."""
    found = CONSTRAINT.fullmatch(text)
    return found["name"] if found else text.removeprefix("max:").removeprefix("min:")


def goals(study: Study) -> str:
    """How a choice is made by several objectives and constraints, in words; empty where there are none."""
    if not (study.objectives or study.constraints):
        return ""
    names = [objective.name for objective in objectives_of(study)]
    fronts = f"on the Pareto front of {', '.join(names)} " if len(names) > 1 else ""
    meeting = f"that meet {', '.join(study.constraints)} " if study.constraints else ""
    return f"of the choices {fronts}{meeting}the best by {names[0]}, means over seeds, the lower of equals."
