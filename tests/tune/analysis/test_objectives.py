"""Objectives and constraints: what they read, which direction is better, the front, and the choice on it."""

from dataclasses import replace
from math import inf

import pytest

from fernn.train.task import ACCURACY, ERROR
from tests.support.stored_study import finish_cell, planned_study
from tune.analysis.objectives import (
    Constraint,
    Objective,
    Score,
    choose_on_front,
    front,
    goal_name,
    goals,
    means,
    objectives_of,
    score,
)
from tune.analysis.results import model_rows
from tune.core.choice import Choice
from tune.core.protocol import load_study, save_study

SPACE = {"model": ("grnn",), "optim.lr": (1e-2, 1e-3), "seed": (0, 1)}


def choice(rate):
    return Choice((("optim.lr", rate),))


@pytest.mark.parametrize(
    ("text", "metric", "expected"),
    [
        ("validation/accuracy", ACCURACY, ("validation/accuracy", True)),
        ("validation/mse", ERROR, ("validation/mse", False)),
        ("validation/loss", ACCURACY, ("validation/loss", False)),
        ("time/gpu_seconds", ACCURACY, ("time/gpu_seconds", False)),
        ("time/clips_per_second", ACCURACY, ("time/clips_per_second", True)),
        ("memory/cuda_bytes", ACCURACY, ("memory/cuda_bytes", False)),
        ("num_parameters", ACCURACY, ("num_parameters", False)),
        ("max:train/margin", ACCURACY, ("train/margin", True)),
    ],
)
def test_the_direction_of_an_objective_is_known_or_said(text, metric, expected):
    objective = Objective.of(text, metric)
    assert (objective.name, objective.higher_is_better) == expected
    assert objective.rank(objective.worst) == -inf and goal_name(text) == expected[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("test/accuracy", "--objective test/accuracy must not be of test clips"),
        ("accuracy", "must begin with validation/, .* or be of validation/accuracy, num_parameters, law_error"),
        ("train/margin", "must say which values are better: give max:train/margin or min:train/margin"),
    ],
)
def test_an_objective_that_cannot_be_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        Objective.of(text, ACCURACY)


def test_a_constraint_is_violated_by_its_distance():
    assert Constraint.of("law_error<=1e-3").violation(0.002) == pytest.approx(0.001)
    assert Constraint.of("validation/accuracy >= 0.5").violation(0.75) == -0.25
    assert goal_name("law_error<=1e-3") == "law_error"
    for text in ("law_error", "law_error<=x", "law_error<=inf", "law_error=3"):
        with pytest.raises(ValueError, match="--constraint must read NAME<=NUMBER or NAME>=NUMBER, got"):
            Constraint.of(text)
    with pytest.raises(ValueError, match="--constraint test/mse must not be of test clips"):
        Constraint.of("test/mse<=1")


def test_the_choice_is_the_best_by_the_first_objective_on_the_front():
    scores = {
        choice(1e-1): Score((0.9, -9.0), (1.0,)),
        choice(1e-2): Score((0.8, -5.0), (0.0,)),
        choice(1e-3): Score((0.8, -4.0), (-1.0,)),
        choice(1e-4): Score((0.5, -1.0), (-1.0,)),
        choice(1e-5): Score((0.5, -1.0), (-1.0,)),
    }
    assert front(scores) == [choice(1e-3), choice(1e-4), choice(1e-5)]
    assert choose_on_front(scores) == choice(1e-3)  # that of 1e-2 is as good by the first, and dominated
    alone = {one: scores[one] for one in (choice(1e-4), choice(1e-5))}
    assert choose_on_front(alone) == choice(1e-5)
    bad = {choice(1e-1): Score((0.9,), (2.0, -9.0)), choice(1e-2): Score((0.1,), (0.5, 0.5))}
    assert front(bad) == [] and choose_on_front(bad) == choice(1e-2)


@pytest.fixture
def study(tmp_path):
    """Of the first rate more clips are right; each cell has 1,234 parameters."""
    made = planned_study(tmp_path / "s", SPACE)
    for cell, hits in zip(made.cells, (8, 6, 5, 5), strict=True):
        finish_cell(made, cell, (hits, 4))
    return made


def test_means_are_over_seeds_and_the_table_follows_the_goals(study):
    assert [one.name for one in objectives_of(study)] == ["validation/accuracy"] and goals(study) == ""
    cells = study.cells[:2]
    assert means(study, objectives_of(study), cells) == [0.7]
    aimed = replace(study, objectives=("min:validation/accuracy", "num_parameters"), constraints=("law_error<=1e-3",))
    assert score(aimed, cells) == Score((-0.7, -1234.0), (-1e-3,))
    assert score(aimed, cells).means == {"validation/accuracy": 0.7, "num_parameters": 1234.0, "law_error": 0.0}
    (row,) = model_rows(aimed)
    assert row.choice.rate == 1e-3 and front(row.scores) == [row.choice] and model_rows(study)[0].choice.rate == 1e-2
    assert "on the Pareto front of validation/accuracy, num_parameters that meet law_error<=1e-3" in goals(aimed)
    save_study(aimed)
    assert load_study(aimed.folder).objectives == aimed.objectives
    save_study(study)  # other goals choose again
    assert load_study(study.folder).objectives == () == load_study(study.folder).constraints


def test_a_value_that_is_not_there_is_the_worst_and_an_unfinished_cell_has_none(study, tmp_path):
    assert Objective("validation/psnr", True).value(study, study.cells[0]) == -inf
    assert Objective("memory/cpu_bytes", False).value(study, study.cells[0]) == inf
    assert Objective("time/recorded_at", False).value(study, study.cells[0]) == 1000.5
    other = planned_study(tmp_path / "t", SPACE)
    assert score(other, other.cells[:1]) is None
    folder = other.cell_folder(other.cells[0])
    folder.take_over()
    folder.fail("the loss is nan", diverged=True)
    assert score(other, other.cells[:1]) == Score((-inf,))
