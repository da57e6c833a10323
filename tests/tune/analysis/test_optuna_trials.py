"""Optuna's trials of a study: a model and a learning rate each, and what the metric depends on."""

from dataclasses import replace

import pytest

from tests.support.stored_study import finished_study
from tune.analysis.optuna_trials import finished_trials, importances, several, trials

SPACE = {"model": ("grnn",), "optim.lr": (1e-2, 1e-3), "seed": (0, 1)}
HITS = {("grnn", 1e-2, 0): (4, 9), ("grnn", 1e-3, 0): (6, 5), ("grnn", 1e-3, 1): (8, 7)}


def test_a_trial_is_the_mean_over_all_seeds_of_a_rate(tmp_path):
    (trial,) = trials(study := finished_study(tmp_path, SPACE, HITS))
    assert trial.params == {"model": "grnn", "optim.lr": 1e-3} and trial.value == pytest.approx(0.7)
    assert trial.user_attrs["seeds"] == [0, 1] and trial.intermediate_values == {1: pytest.approx(0.7)}
    assert [one.params for one in finished_trials(study)] == [trial.params]


def test_nothing_is_important_where_nothing_varies(tmp_path):
    study = finished_study(tmp_path, SPACE, HITS)
    assert importances(study, finished_trials(study)) == {} and importances(study, []) == {}


def test_the_one_field_that_varies_explains_everything(tmp_path):
    study = finished_study(tmp_path, SPACE, HITS | {("grnn", 1e-2, 1): (2, 2)})
    assert importances(study, finished_trials(study)) == {"optim.lr": pytest.approx(1.0)}


def test_a_trial_has_the_tuned_fields_of_its_model(tuned):
    made = finished_trials(tuned)
    assert len(made) == 8 + 4
    assert made[0].params == {
        "model": "grnn", "optim.lr": 1e-3, "batch_size": 4, "grnn.model.embedding_channels": "(2,)",
    }  # fmt: skip
    assert set(made[-1].params) == {"model", "optim.lr", "batch_size"}
    assert set(importances(tuned, made)) == {"model", "optim.lr", "batch_size"}


def test_a_trial_has_several_objectives_and_its_violations(tuned):
    study = replace(tuned, objectives=("validation/accuracy", "num_parameters"), constraints=("num_parameters<=1000",))
    made = several(study)
    assert (
        len(made) == 12 and made[0].values == [0.3, 1234.0] and made[0].constraints == {"num_parameters<=1000": 234.0}
    )
    assert made[0].params == finished_trials(tuned)[0].params
    unreached = replace(tuned, objectives=("validation/psnr",))
    assert several(unreached) == []
