"""A warm start: finished choices of another study, which the sampler knows and no table shows.

They are copied into ``study.json`` with the first plan, so that what becomes of the other study changes nothing.
"""

from collections.abc import Iterator
from dataclasses import replace
from math import isfinite
from typing import Any

from fernn.train.task import Metric
from tune.analysis.objectives import Score
from tune.core.choice import Choice, lies_in
from tune.core.identity import STUDY_FILE
from tune.core.protocol import find_study
from tune.core.study import Cell, Study, StudyError
from tune.planning.choices import value_of
from tune.planning.sampling import Sampler


def foreign_points(study: Study, sampler: Sampler, metric: Metric, given: str | None, storage: str) -> dict[str, Any]:
    """The other study's name, and by label its points as JSON; those that the study began with, where it has begun.

    Raises StudyError for another warm start than the study began with, and for a study without a point to use.
    """
    saved = study.folder.read_json(STUDY_FILE)
    aims = [*(study.objectives or [f"validation/{metric.name}"]), *study.constraints]
    if saved is not None:
        begun = saved.get("foreign", {})
        if given is not None and begun.get("study") != given:
            how = f"with --warm-start {begun['study']}" if begun else "without --warm-start"
            raise StudyError(f"study {study.name!r} was begun {how}, not {given}: give it so, or another --study")
        if begun and begun["aims"] != aims:
            was = f"its warm start was for {', '.join(begun['aims'])}"
            raise StudyError(f"study {study.name!r}: {was}: give other objectives another name with --study")
        return dict(begun)
    if given is None:
        return {}
    if sampler.name in ("qmc", "random"):
        raise StudyError(f"--warm-start goes with --sampler tpe, gp or cmaes: {sampler.name} looks at no results")
    other = find_study(given, storage)
    if not other.cells or other.metric != metric:
        found = f"has {other.metric.title}" if other.cells else "has no cell"
        raise StudyError(f"--warm-start must be a study with {metric.title}, {given} {found}")
    points: dict[str, list[dict[str, Any]]] = {}
    for label, choice, score in _finished(study, other):
        if lies_in(choice, {name: sampler.domains[name] for name, _ in choice.values}):
            facts = {"values": dict(choice.values), "ranks": list(score.ranks), "violations": list(score.violations)}
            points.setdefault(label, []).append(facts)
    if not any(label.partition(",")[0] in _models(study) for label in points):
        rule = "of the same models and conditions, with all seeds finished and values in the searched ranges"
        raise StudyError(f"--warm-start must be a study with choices {rule}, {given} has none")
    return {"study": given, "aims": aims, "points": points}


def _models(study: Study) -> set[str]:
    return {name.rpartition(":")[2] for name in study.space["model"]}


def _finished(study: Study, other: Study) -> Iterator[tuple[str, Choice, Score]]:
    """The label, the choice and the score of each choice of the other study with all seeds, in terms of the study.

    Of choices that differ in fields which the study does not choose, the best counts.
    """
    best: dict[tuple[str, Choice], Score] = {}
    groups: dict[tuple[str, Choice, str, Choice], list[Cell]] = {}
    for cell in other.cells:
        own = study.model_label(cell), study.choice(cell)
        groups.setdefault((*own, other.model_label(cell), other.choice(cell)), []).append(cell)
    aimed = replace(other, objectives=study.objectives, constraints=study.constraints)
    for (label, choice, _, _), cells in groups.items():
        score = value_of(aimed, cells)
        if score is not None and all(map(isfinite, (*score.ranks, *score.violations))):
            known = best.get((label, choice))
            best[label, choice] = max(known or score, score, key=lambda one: one.ranks)
    for (label, choice), score in best.items():
        yield label, choice, score
